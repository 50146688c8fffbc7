/** @file Pages with parts that are made: what stands between `<!-- made NAME -->` and `<!-- end NAME -->`. */

const between = (name: string) => new RegExp(`(<!-- made ${name} -->\\n)([^]*?)(<!-- end ${name} -->)`);

/** The page with its made parts as given. @throws Error where the page has no place for one */
export function withParts(page: string, parts: Readonly<Record<string, string>>): string {
  return Object.entries(parts).reduce((text, [name, part]) => {
    const place = between(name);
    if (!place.test(text)) throw new Error(`The page has no place for ${name}.`);
    return text.replace(place, (_, start: string, _old: string, end: string) => `${start}${part}\n${end}`);
  }, page);
}
