/** @file Domain checks and the "did you mean" helper of this room. */

import { QtamlError } from "../errors.ts";

/** What a number must satisfy; bounds are inclusive unless `above` is given. */
export interface Domain {
  readonly above?: number;
  readonly min?: number;
  readonly max?: number;
}

/**
 * Returns `value` when it lies in its domain.
 * @throws QtamlError invalid-argument naming the quantity, the value and the domain
 */
export function requireNumber(name: string, value: number, domain: Domain = {}): number {
  const { above, min, max } = domain;
  const inside =
    Number.isFinite(value) &&
    (above === undefined || value > above) &&
    (min === undefined || value >= min) &&
    (max === undefined || value <= max);
  if (!inside) {
    throw new QtamlError("invalid-argument", `${name} is ${value}: give ${describeDomain(domain)}.`);
  }
  return value;
}

/** The words for a domain, as they end an error message. */
export function describeDomain({ above, min, max }: Domain): string {
  if (min !== undefined && max !== undefined) return `a number from ${min} to ${max}`;
  if (above !== undefined && max !== undefined) return `a number above ${above} and at most ${max}`;
  if (above !== undefined) return `a number above ${above}`;
  if (min !== undefined) return `a number that is at least ${min}`;
  if (max !== undefined) return `a number that is at most ${max}`;
  return "a finite number";
}

/** Edit distance (insertions, deletions, substitutions) of two words, ignoring case. */
function editDistance(a: string, b: string): number {
  const left = a.toLowerCase();
  const right = b.toLowerCase();
  let row = Array.from({ length: right.length + 1 }, (_, j) => j);
  for (let i = 1; i <= left.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= right.length; j += 1) {
      const substitution = row[j - 1]! + (left[i - 1] === right[j - 1] ? 0 : 1);
      next.push(Math.min(substitution, row[j]! + 1, next[j - 1]! + 1));
    }
    row = next;
  }
  return row[right.length]!;
}

/** The candidate nearest to `word`, or null when none is near (more than half of the letters differ). */
export function nearest(word: string, candidates: readonly string[]): string | null {
  let best: string | null = null;
  let bestDistance = Math.max(1, Math.ceil(word.length / 2)) + 1;
  for (const candidate of candidates) {
    const distance = editDistance(word, candidate);
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** The sentence for a word that is not one of a list: what is known, and the nearest. */
export function unknownWord(kind: string, word: string, candidates: readonly string[]): string {
  const guess = nearest(word, candidates);
  return `Unknown ${kind} "${word}"${guess === null ? "" : `, did you mean "${guess}"?`} (known: ${candidates.join(", ")}).`;
}
