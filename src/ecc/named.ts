/**
 * @file Codes by name.
 */
import { QtamlError } from "../errors.ts";
import { bch } from "./bch.ts";
import type { WordCode } from "./code.ts";
import { parity, repetition } from "./simple.ts";
import { singleError } from "./single-error.ts";
import { zeroSpace } from "./zero-space.ts";

/**
 * The code of that name: `sec(n,k)`, `secded(n,k)`, `bch(n,k,t)`, `repetition(n)`, `parity(k+1,k)`, `zero-space(64,57)`.
 *
 * @throws QtamlError `invalid-argument` for a name or parameters that no code has
 */
export function codeNamed(name: string): WordCode {
  const parts = /^([a-z]+)\(([\d,\s]+)\)$/.exec(name.trim());
  const [n, k, t] = (parts?.[2] ?? "").split(",").map(Number);
  const family = parts?.[1];
  if (name.trim() === "zero-space(64,57)") return zeroSpace();
  if (family === "repetition" && n !== undefined && k === undefined) return repetition(n);
  if (n !== undefined && k !== undefined && t === undefined) {
    if (family === "sec" || family === "secded") return singleError(family, n, k);
    if (family === "parity") return parity(n, k);
  }
  if (family === "bch" && n !== undefined && k !== undefined && t !== undefined) return bch(n, k, t);
  throw new QtamlError(
    "invalid-argument",
    `There is no code ${name}: give sec(n,k), secded(n,k), bch(n,k,t), repetition(n), parity(k+1,k) or zero-space(64,57).`,
  );
}
