/** @file Parts of documents that commands write, between markers: `<!-- NAME -->` and `<!-- end of NAME -->`. */

const markers = (name: string) => [`<!-- ${name} -->\n`, `<!-- end of ${name} -->`] as const;

/**
 * What stands between the markers of a part.
 *
 * @throws Error where the document has no such part
 */
export function sectionOf(document: string, name: string): string {
  const [start, end] = markers(name);
  const [from, to] = [document.indexOf(start), document.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`The document has no part between the markers of "${name}".`);
  return document.slice(from + start.length, to);
}

/** The document with another text between the markers of a part. */
export function withSection(document: string, name: string, text: string): string {
  const old = sectionOf(document, name);
  const [start, end] = markers(name);
  return document.replace(`${start}${old}${end}`, () => `${start}${text.trimEnd()}\n${end}`);
}
