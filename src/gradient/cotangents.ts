/** @file Cotangents by value while the adjoint is built, and the operators at which they are lost. */
import type { AdjointBuilder } from "./builder.ts";

/** Collects the cotangents that the consumers of each value send to it. */
export class Cotangents {
  readonly #parts = new Map<string, string[]>();
  readonly #totals = new Map<string, string>();
  readonly #lost = new Map<string, string>();
  readonly #b: AdjointBuilder;

  constructor(b: AdjointBuilder) {
    this.#b = b;
  }
  contribute(name: string, part: string): void {
    const parts = this.#parts.get(name);
    if (parts === undefined) this.#parts.set(name, [part]);
    else parts.push(part);
  }
  /** Marks a value whose cotangent lacks a part. */
  lose(name: string, operator: string): void {
    if (!this.#lost.has(name)) this.#lost.set(name, operator);
  }
  lostAt(name: string): string | undefined {
    return this.#lost.get(name);
  }
  /** The sum of all parts; to be asked for when all consumers have contributed. */
  total(name: string): string | undefined {
    const known = this.#totals.get(name);
    const parts = this.#parts.get(name);
    if (known !== undefined || parts === undefined) return known;
    const total = joinedProduct(this.#b, parts) ?? this.#b.total(parts);
    this.#totals.set(name, total);
    return total;
  }
}

/** The sum of matrix products of one shape as a single product with all their rows: what a recurrent weight receives. */
function joinedProduct(b: AdjointBuilder, parts: readonly string[]): string | undefined {
  const found = parts.map((part) => b.products.get(part));
  const [first] = found;
  if (first === undefined || found.length === 1) return undefined;
  const products = found.filter(
    (p) => p !== undefined && p.left.length === 1 && p.right.length === 1 && p.factor === first.factor,
  );
  const fits = products.every((p) => p!.dims[0] === first.dims[0] && p!.dims[1] === first.dims[1]);
  if (products.length < parts.length || !fits) return undefined;
  const left = b.concat(
    products.map((p) => p!.left[0]!),
    0,
  );
  const right = b.concat(
    products.map((p) => p!.right[0]!),
    0,
  );
  const value = b.op("Gemm", [left, right], { transA: 1, alpha: { float: first.factor } });
  const rows = products.reduce((sum, p) => sum + p!.rows, 0);
  b.products.set(value, { ...first, left: [left], right: [right], rows });
  return value;
}
