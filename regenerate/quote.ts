/**
 * @file Quotations: sentences written by hand that repeat a number from elsewhere. Each is a passage with holes of one
 * document, and passages with holes of the document that the numbers come from; `npm run docs:quotations` fills the first
 * from the second, `test/quotations.test.ts` holds them together.
 *
 * In a passage `{name}` is a number, `{*}` any words of one line or cell; a space is any white space, so that lines may be
 * broken anywhere.
 */

/** Numbers of the source by the names of their holes. */
export type Numbers = Readonly<Record<string, number>>;

/** A sentence that repeats numbers. */
export interface Quotation {
  /** The document that repeats them, from the root of the repository. */
  readonly document: string;
  /** Its passage. Without holes, words such as "nine of ten" repeat the numbers, and `holds` says when they are true. */
  readonly says: string;
  /** The document that the numbers come from. */
  readonly source: string;
  readonly where: readonly string[];
  /** Numbers that are worked out from those of the source, in addition to these. */
  readonly as?: (source: Numbers) => Numbers;
  /** Whether words are true. */
  readonly holds?: (source: Numbers) => boolean;
}

/** A passage that was found, and the text of its holes with their places in the document. */
interface Found {
  readonly text: string;
  readonly holes: readonly { readonly name: string; readonly text: string; readonly at: number }[];
}

const numeral = String.raw`[-+]?\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?`;

const literal = (text: string) =>
  text.replace(/[\\^$.*+?()[\]{}|]/g, String.raw`\$&`).replace(/\s+/g, String.raw`\s+`);

/** Every place of a document that a passage fits. */
export function findPassages(document: string, passage: string): Found[] {
  const names: string[] = [];
  const pattern = passage
    .split(/(\{[^}]+\})/)
    .map((part) => {
      const name = /^\{(.+)\}$/.exec(part)?.[1];
      if (name === undefined) return literal(part);
      if (name === "*") return "[^\\n|]*?";
      names.push(name);
      return `(${numeral})`;
    })
    .join("");
  return Array.from(document.matchAll(new RegExp(pattern, "dg")), (match) => ({
    text: match[0],
    holes: names.map((name, i) => ({ name, text: match[i + 1]!, at: match.indices![i + 1]![0] })),
  }));
}

/** The text of each hole of a passage in its source; undefined where the source lacks it, or says it in two ways. */
function saidBy(source: string, passage: string): ReadonlyMap<string, string> | undefined {
  const [first, ...others] = findPassages(source, passage).map(
    ({ holes }) => new Map(holes.map(({ name, text }) => [name, text])),
  );
  const isAlone = others.every((other) => [...other].every(([name, text]) => first!.get(name) === text));
  return isAlone ? first : undefined;
}

const valueOf = (text: string) => Number(text.replaceAll(",", ""));

/** A number with as many decimals and the same separators as another text has. */
function like(value: number, text: string): string {
  if (text.includes("e")) return value.toExponential(text.split("e")[0]!.split(".")[1]?.length ?? 0);
  const fixed = value.toFixed(text.split(".")[1]?.length ?? 0);
  const signed = text.startsWith("+") && value >= 0 ? `+${fixed}` : fixed;
  return text.includes(",") || Math.abs(value) >= 10_000
    ? signed.replace(/\B(?=(?:\d{3})+(?:\.|$))/g, ",")
    : signed;
}

/** A document with a quotation as its source has it, or what stands in the way. */
export type Requoted = { readonly document: string } | { readonly problem: string };

/**
 * Fills the holes of a quotation.
 *
 * @param document text that repeats the numbers
 * @param source text that they come from
 * @returns the document, the same where every number is that of the source to the digits it is quoted with
 */
export function requote(quotation: Quotation, document: string, source: string): Requoted {
  const shown = `"${quotation.says}"`;
  const texts = new Map<string, string>();
  for (const passage of quotation.where) {
    const found = saidBy(source, passage);
    if (found === undefined)
      return { problem: `${quotation.source} does not say, or says in two ways: "${passage}"` };
    for (const [name, text] of found) texts.set(name, text);
  }
  const numbers = Object.fromEntries(Array.from(texts, ([name, text]) => [name, valueOf(text)]));
  const [said, second] = findPassages(document, quotation.says);
  if (said === undefined || second !== undefined)
    return { problem: `${quotation.document} does not have once: ${shown}` };
  if (quotation.holds !== undefined && !quotation.holds(numbers))
    return {
      problem: `${quotation.document} says ${shown}, which ${quotation.source} no longer bears out (${JSON.stringify(numbers)}): write the sentence anew.`,
    };
  const worked: Numbers = { ...numbers, ...quotation.as?.(numbers) };
  let filled = document;
  for (const { name, text, at } of said.holes.toReversed()) {
    const value = worked[name];
    if (value === undefined) return { problem: `${shown} has a hole that its source does not fill: ${name}` };
    const fresh = texts.get(name) === text ? text : like(value, text);
    filled = `${filled.slice(0, at)}${fresh}${filled.slice(at + text.length)}`;
  }
  return { document: filled };
}
