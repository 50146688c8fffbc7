/** @file Whether what a command writes now is what stands in the repository. */

const number = /[-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?/g;

/**
 * Whether two texts have the same words, and numbers that differ by at most a hundredth or by 0.6 (the width of a line
 * in a picture, an answer or two of a thousand): processors add in different orders.
 */
export function areAlike(a: string, b: string): boolean {
  if (a === b) return true;
  if (a.replace(number, "#") !== b.replace(number, "#")) return false;
  const others = b.match(number) ?? [];
  return (a.match(number) ?? []).every((text, i) => {
    const [x, y] = [Number(text), Number(others[i])];
    return Math.abs(x - y) <= Math.max(0.01 * Math.abs(y), 0.6);
  });
}
