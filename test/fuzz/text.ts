/** @file Mutators for text: numbers and words replaced, lines shuffled, brackets nested. */
import type { Mutator } from "./bytes.ts";
import type { Random } from "./random.ts";

const oddNumbers = [
  "-1",
  "0",
  "1",
  "-0",
  "1e999",
  "-1e999",
  "1e-400",
  "NaN",
  "Infinity",
  "null",
  "1.5",
  "4294967296",
  "9007199254740993",
  "99999999999999999999999999",
  "0x7fffffff",
  "1_000",
  "١",
  "",
];

const oddWords = [
  "__proto__",
  "constructor",
  "toString",
  "length",
  "",
  "null",
  "true",
  "\u0000",
  "é",
  "🦆",
  " ",
];

const oddTexts = [
  "{",
  "}",
  "[",
  "]",
  '"',
  "'",
  ",",
  ":",
  "\n",
  "\r\n",
  "\t",
  "&a",
  "*a",
  "<<: *a",
  "- ",
  "? ",
  "|",
  ">",
  "!!js/function ",
  "#",
  "\ufeff",
];

const decode = (bytes: Uint8Array) => new TextDecoder("latin1").decode(bytes);
const encode = (text: string) => new TextEncoder().encode(text);

/** Replaces one match of a pattern. */
function replaceOne(text: string, pattern: RegExp, random: Random, by: (found: string) => string): string {
  const matches = [...text.matchAll(pattern)];
  if (matches.length === 0) return text;
  const match = random.pick(matches);
  return text.slice(0, match.index) + by(match[0]) + text.slice(match.index + match[0].length);
}

const asText =
  (edit: (text: string, random: Random, others: readonly string[]) => string): Mutator =>
  (bytes, random, others) =>
    encode(edit(decode(bytes), random, others.map(decode)));

const swapLines = asText((text, random) => {
  const lines = text.split("\n");
  const at = random.below(lines.length);
  const line = lines.splice(at, random.chance(0.3) ? 0 : 1)[0] ?? lines[at]!;
  for (let k = random.below(3); k > 0; k--) lines.splice(random.below(lines.length + 1), 0, line);
  return lines.join("\n");
});

const nest = asText((text, random) => {
  const depth = random.pick([3, 100, 5_000, 50_000]);
  const [open, close] = random.pick([
    ["[", "]"],
    ['{"a":', "}"],
    ["(", ")"],
    ["- ", ""],
    ["{a: ", "}"],
  ] as const);
  const at = random.below(text.length + 1);
  const length = random.chance(0.5) ? 0 : random.span(20);
  const closing = random.chance(0.5) ? close.repeat(depth) : "";
  return (
    text.slice(0, at) + open.repeat(depth) + text.slice(at, at + length) + closing + text.slice(at + length)
  );
});

/** Mutators for JSON, YAML, CSV and the headers of binary files. */
export const textMutators: readonly Mutator[] = [
  asText((text, random) => replaceOne(text, /-?\d+(\.\d+)?/g, random, () => random.pick(oddNumbers))),
  asText((text, random) => replaceOne(text, /\w+/g, random, () => random.pick(oddWords))),
  asText((text, random) =>
    replaceOne(
      text,
      /\w+/g,
      random,
      (word) => random.pick([...text.matchAll(/\w+/g)].map((m) => m[0])) + (random.chance(0.1) ? word : ""),
    ),
  ),
  asText((text, random) => {
    const at = random.below(text.length + 1);
    return text.slice(0, at) + random.pick(oddTexts).repeat(random.span(20)) + text.slice(at);
  }),
  swapLines,
  nest,
];
