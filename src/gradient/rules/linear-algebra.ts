/** @file Rules of matrix products. */
import { elementCount, type Dims } from "../../onnx/index.ts";
import { NoRule, type Rule, type RuleContext, type RuleGroup } from "../rule.ts";

/** `dA = dY B^T` and `dB = A^T dY`, summed over broadcast batch axes; vectors count as one-row or one-column matrices. */
const MatMul: Rule = (c) => {
  const a = c.dims(0);
  const b = c.dims(1);
  const left: Dims = a.length === 1 ? [1, a[0]!] : a;
  const right: Dims = b.length === 1 ? [b[0]!, 1] : b;
  const rows = left.at(-2)!;
  const inner = left.at(-1)!;
  const columns = right.at(-1)!;
  const as = (x: string, from: Dims, to: Dims): string =>
    from.length === to.length ? x : c.b.reshape(x, to);

  if (right.length === 2) {
    // One product over all rows of the batch instead of one for each matrix and a sum.
    const height = elementCount(left) / inner;
    const dy = c.b.reshape(c.dy, [height, columns]);
    const toRight = (): string => {
      const x = c.b.reshape(c.input(0), [height, inner]);
      const product = c.b.matmul(x, dy, 2, true);
      const dims = [inner, columns] as const;
      c.b.products.set(product, {
        left: [x],
        right: [dy],
        rows: height,
        dims,
        factor: 1,
        dependent: "right",
      });
      return as(product, right, b);
    };
    return [
      c.wants(0) ? c.b.reshape(c.b.matmul(dy, as(c.input(1), b, right), 2, false, true), a) : undefined,
      c.wants(1) ? toRight() : undefined,
    ];
  }
  const rank = Math.max(left.length, right.length);
  const full = (dims: Dims): number[] => [...Array<number>(rank - dims.length).fill(1), ...dims];
  const [fullLeft, fullRight] = [full(left), full(right)];
  const batch = fullLeft.slice(0, -2).map((d, i) => Math.max(d, fullRight[i]!));
  const dy = as(c.dy, c.outputDims(), [...batch, rows, columns]);
  const product = (x: string, dims: Dims, to: Dims): string =>
    as(c.b.unbroadcast(x, [...batch, ...dims.slice(-2)], to), to, dims);
  return [
    c.wants(0)
      ? c.b.reshape(
          product(c.b.matmul(dy, as(c.input(1), right, fullRight), rank, false, true), left, left),
          a,
        )
      : undefined,
    c.wants(1)
      ? product(c.b.matmul(as(as(c.input(0), a, left), left, fullLeft), dy, rank, true), right, right)
      : undefined,
  ];
};

/** `Y = alpha A' B' + beta C`, where a dash is an optional transpose. */
const Gemm: Rule = (c) => {
  const transA = c.int("transA", 0) !== 0;
  const transB = c.int("transB", 0) !== 0;
  const alpha = c.float("alpha", 1);
  const product = (a: string, b: string, ta: boolean, tb: boolean): string =>
    c.b.op("Gemm", [a, b], { alpha: { float: alpha }, transA: ta ? 1 : 0, transB: tb ? 1 : 0 });
  // A flattening Gemm of old operator sets may take A of more than two axes.
  if (c.dims(0).length !== 2 || c.dims(1).length !== 2) throw new NoRule("matrices of rank 2 only");
  const dA = (): string =>
    transA ? product(c.input(1), c.dy, transB, true) : product(c.dy, c.input(1), false, !transB);
  const dB = (): string => {
    const value = transB
      ? product(c.dy, c.input(0), true, transA)
      : product(c.input(0), c.dy, !transA, false);
    const x = transA ? c.b.transpose(c.input(0), [1, 0]) : c.input(0);
    const [rows, columns] = c.outputDims() as [number, number];
    const inner = c.dims(0)[transA ? 0 : 1]!;
    c.b.products.set(value, {
      left: [transB ? c.dy : x],
      right: [transB ? x : c.dy],
      rows,
      dims: transB ? [columns, inner] : [inner, columns],
      factor: alpha,
      dependent: transB ? "left" : "right",
    });
    return value;
  };
  return [
    c.wants(0) ? dA() : undefined,
    c.wants(1) ? dB() : undefined,
    c.wants(2) ? c.b.unbroadcast(c.b.scale(c.dy, c.float("beta", 1)), c.outputDims(), c.dims(2)) : undefined,
  ];
};

/** The labels of an equation's operands and of its result; `null` for repeated labels in one term and ellipses. */
function parseEquation(equation: string): { operands: string[]; result: string } | null {
  const [left = "", right] = equation.replaceAll(" ", "").split("->");
  const operands = left.split(",");
  const letters = left.replaceAll(",", "").split("");
  const once = letters.filter((l) => letters.indexOf(l) === letters.lastIndexOf(l)).sort();
  const result = right ?? once.join("");
  const plain = [...operands, result].every((t) => /^[A-Za-z]*$/.test(t) && new Set(t).size === t.length);
  return plain ? { operands, result } : null;
}

/** Einsum of the cotangent with the other operands; labels summed within one operand alone are spread again. */
function einsumInput(c: RuleContext, i: number, operands: readonly string[], result: string): string {
  const others = operands.flatMap((labels, j) => (j === i ? [] : [{ labels, value: c.input(j) }]));
  const own = operands[i]!;
  const reachable = new Set([result, ...others.map((o) => o.labels)].join("").split(""));
  const kept = own
    .split("")
    .filter((l) => reachable.has(l))
    .join("");
  const equation = `${[result, ...others.map((o) => o.labels)].join()}->${kept}`;
  const value = c.b.op("Einsum", [c.dy, ...others.map((o) => o.value)], { equation });
  if (kept === own) return value;
  const dims = c.dims(i);
  const narrow = dims.map((d, k) => (reachable.has(own[k]!) ? d : 1));
  return c.b.op("Expand", [c.b.reshape(value, narrow), c.b.ints(dims)]);
}

const Einsum: Rule = (c) => {
  const equation = parseEquation(c.string("equation", ""));
  if (equation === null) throw new NoRule("ellipsis or repeated labels");
  const sizes = new Map<string, number>();
  equation.operands.forEach((labels, i) =>
    labels.split("").forEach((l, k) => {
      const size = c.dims(i)[k]!;
      if ((sizes.get(l) ?? size) !== size) throw new NoRule("broadcast labels");
      sizes.set(l, size);
    }),
  );
  return c.node.input.map((_, i) =>
    c.wants(i) ? einsumInput(c, i, equation.operands, equation.result) : undefined,
  );
};

export const linearAlgebra: RuleGroup = {
  kind: "linear algebra",
  rules: { MatMul, Gemm, Einsum },
  remarks: {
    MatMul: "broadcast batches, vectors",
    Einsum: "no ellipsis, no label twice in one term",
  },
};
