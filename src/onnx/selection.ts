/**
 * @file Which of a model's tensors the memory holds: by role and by patterns of their names.
 */
import picomatch from "picomatch";
import { QtamlError } from "../errors.ts";
import type { TensorRole } from "../stored/index.ts";
import type { FoundTensor } from "./weights.ts";

/** What is chosen to be in the memory. */
export interface Selection {
  /** Roles besides `weight` and `embedding`, which are always chosen. */
  readonly roles?: readonly TensorRole[];
  /** Patterns of names; where there are any, only tensors that match one of them are chosen. */
  readonly include?: readonly string[];
  /** Patterns of names that are not chosen. */
  readonly exclude?: readonly string[];
}

type NamedRole = Pick<FoundTensor, "name" | "role">;

/** The roles that are chosen unless told. */
export const usualRoles: readonly TensorRole[] = ["weight", "embedding"];

/** What the tensors of a role are called in messages, and the flag that brings them in. */
export const roleWords: Readonly<Record<TensorRole, { readonly words: string; readonly flag: string }>> = {
  weight: { words: "weights", flag: "" },
  embedding: { words: "embeddings", flag: "" },
  bias: { words: "biases", flag: "--biases" },
  normalisation: { words: "normalisation parameters", flag: "--normalisation" },
  scale: { words: "scales", flag: "--quantisation-parameters" },
  "zero-point": { words: "zero points", flag: "--quantisation-parameters" },
  integer: { words: "shapes, axes and indices", flag: "--integers" },
};

/** A slash is a character like any other: names are no paths. */
const withoutSlashes = (text: string) => text.replaceAll("/", "\u2215");

/**
 * A test of names. `*` stands for any characters, `?` for one, `[ab]` and `{a,b}` for alternatives; a slash is an
 * ordinary character, and a pattern matches the name that it spells.
 */
export function namePattern(pattern: string): (name: string) => boolean {
  const matches = picomatch(withoutSlashes(pattern), { dot: true, nonegate: true });
  return (name) => name === pattern || matches(withoutSlashes(name));
}

/** Whether a name is chosen by patterns alone. */
export function isNameSelected(name: string, { include = [], exclude = [] }: Selection): boolean {
  const isMatched = (patterns: readonly string[]) => patterns.some((pattern) => namePattern(pattern)(name));
  return (include.length === 0 || isMatched(include)) && !isMatched(exclude);
}

/**
 * The found tensors that are chosen.
 *
 * @throws QtamlError `invalid-argument` for a pattern that no tensor matches
 */
export function selectTensors<T extends NamedRole>(found: readonly T[], selection: Selection): T[] {
  const roles = new Set<TensorRole>([...usualRoles, ...(selection.roles ?? [])]);
  for (const [flag, patterns] of [
    ["--include", selection.include],
    ["--exclude", selection.exclude],
  ] as const) {
    for (const pattern of patterns ?? []) checkPattern(flag, pattern, found, roles);
  }
  return found.filter(({ name, role }) => roles.has(role) && isNameSelected(name, selection));
}

function checkPattern(
  flag: "--include" | "--exclude",
  pattern: string,
  found: readonly NamedRole[],
  roles: ReadonlySet<TensorRole>,
): void {
  const matched = found.filter(({ name }) => namePattern(pattern)(name));
  if (matched.some(({ role }) => roles.has(role))) return;
  const [other] = matched;
  if (other !== undefined) {
    const { words, flag: needed } = roleWords[other.role];
    throw new QtamlError(
      "invalid-argument",
      `${flag} "${pattern}" matches only ${words}, such as "${other.name}", which are not in the memory: add ${needed}, or drop the pattern.`,
    );
  }
  const near = found
    .filter(({ role }) => roles.has(role))
    .map(({ name }) => ({ name, distance: editDistance(pattern.slice(0, 100), name.slice(0, 100)) }))
    .sort((a, b) => a.distance - b.distance)
    .slice(0, 3)
    .map(({ name }) => `"${name}"`);
  throw new QtamlError(
    "invalid-argument",
    `${flag} "${pattern}" matches no tensor; near names are ${near.join(", ") || "none"}.`,
  );
}

/** Least number of characters put in, taken out or replaced (Levenshtein). */
export function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, row[j]! + 1, next[j - 1]! + 1));
    }
    row = next;
  }
  return row[b.length]!;
}
