/**
 * @file Compound operators of newer operator sets, and those that optimisers and quantisation tools leave behind
 * (domain `com.microsoft`), in elementary operators.
 */
import { NotLowered, type Lowering, type LoweringRule } from "./context.ts";
import { attention, multiHeadAttention, rotaryEmbedding } from "./attention.ts";

/** `x Phi(x)`. */
function gelu(l: Lowering, x: string): string {
  const erf = l.op("Erf", [l.scale(x, Math.SQRT1_2)]);
  return l.scale(l.mul(x, l.add(erf, l.scalar(1))), 0.5);
}

/** The approximation by tanh. */
function fastGelu(l: Lowering, x: string): string {
  const root = Math.sqrt(2 / Math.PI);
  const inner = l.add(l.scale(l.mul(x, x), 0.044715 * root), l.scalar(root));
  const t = l.op("Tanh", [l.mul(x, inner)]);
  return l.scale(l.mul(x, l.add(t, l.scalar(1))), 0.5);
}

const biased = (l: Lowering, i: number): string => (l.has(i) ? l.add(l.input(0), l.input(i)) : l.input(0));

/** Normalisation over the axes from `axis` on, with scale and, where it is centred, shift. */
function normalised(
  l: Lowering,
  x: string,
  rank: number,
  axis: number,
  gain: string,
  centred: boolean,
): string {
  const first = axis < 0 ? axis + rank : axis;
  const axes = Array.from({ length: rank - first }, (_, i) => first + i);
  return l.mul(l.normalise(x, axes, l.float("epsilon", centred ? 1e-12 : 1e-5), centred), gain);
}

const rootMeanSquare: LoweringRule = (l) => {
  if (l.isRead(1)) throw new NotLowered("a further output");
  l.bind(0, normalised(l, l.input(0), l.dims(0).length, l.int("axis", -1), l.input(1), false));
};

/** Residual sum, bias and normalisation in one. Inputs of the plain form: x, skip, gamma, beta, bias. */
function skipped(centred: boolean): LoweringRule {
  return (l) => {
    if (l.isRead(1) || l.isRead(2)) throw new NotLowered("a further output");
    const bias = centred ? 4 : 3;
    const sum = l.add(l.input(0), l.input(1));
    const x = l.has(bias) ? l.add(sum, l.input(bias)) : sum;
    const y = normalised(l, x, l.dims(0).length, -1, l.input(2), centred);
    l.bind(0, centred && l.has(3) ? l.add(y, l.input(3)) : y);
    l.bind(3, x);
  };
}

/** `alpha A' B'`, a dash being an optional exchange of the last two axes. */
const fusedMatMul: LoweringRule = (l) => {
  if (l.int("transBatchA", 0) !== 0 || l.int("transBatchB", 0) !== 0) throw new NotLowered("transBatch");
  const operand = (i: number, flag: string): string => {
    const rank = l.dims(i).length;
    if (l.int(flag, 0) === 0 || rank < 2) return l.input(i);
    return l.transpose(
      l.input(i),
      Array.from({ length: rank }, (_, a) => (a < rank - 2 ? a : 2 * rank - 3 - a)),
    );
  };
  l.bind(0, l.scale(l.matmul(operand(0, "transA"), operand(1, "transB")), l.float("alpha", 1)));
};

/** `x - mean` over the axes, divided by the standard deviation. */
const meanVariance: LoweringRule = (l) => {
  const axes = l.node.attribute.find((a) => a.name === "axes")?.ints.map(Number) ?? [0, 2, 3];
  l.bind(0, l.normalise(l.input(0), axes, 1e-9, true));
};

/** A product or convolution with an activation behind it. */
function withActivation(base: string): LoweringRule {
  return (l) => {
    const name = l.string("activation", "");
    if (!["", "Relu", "Tanh", "Sigmoid", "LeakyRelu", "HardSigmoid", "Clip"].includes(name))
      throw new NotLowered(`activation ${name}`);
    if (name === "Clip" || name === "HardSigmoid" || l.has(3)) throw new NotLowered("parameters");
    const inputs = l.node.input.slice(0, 3).filter((_, i) => l.has(i));
    const y = l.op(base, inputs);
    const own = l.nodes.at(-1)!;
    own.attribute = l.node.attribute.filter(
      (a) => !a.name.startsWith("activation") && !a.name.startsWith("leaky"),
    );
    const alpha = l.node.attribute.find((a) =>
      /^(leaky_relu_alpha|activation_params|activation_alpha)$/.test(a.name),
    );
    const slope = alpha?.floats[0] ?? alpha?.f ?? 0.01;
    l.bind(0, name === "" ? y : l.op(name, [y], name === "LeakyRelu" ? { alpha: { float: slope } } : {}));
  };
}

const quickGelu: LoweringRule = (l) => {
  l.bind(0, l.mul(l.input(0), l.op("Sigmoid", [l.scale(l.input(0), l.float("alpha", 1.702))])));
};

/** Sums of products with an ellipsis: the ellipsis written out in letters. */
const einsum: LoweringRule = (l) => {
  const equation = l.string("equation", "").replaceAll(" ", "");
  if (!equation.includes("...")) throw new NotLowered("nothing to do");
  const free = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
    .split("")
    .filter((c) => !equation.includes(c));
  const [left = "", right] = equation.split("->");
  const operands = left.split(",");
  const ranks = operands.map((term, i) =>
    term.includes("...") ? l.dims(i).length - term.replace("...", "").length : 0,
  );
  const most = Math.max(...ranks);
  if (most > free.length) throw new NotLowered("too many axes");
  const letters = (count: number): string => free.slice(most - count, most).join("");
  const terms = operands.map((term, i) => term.replace("...", letters(ranks[i]!)));
  const all = terms.join("").split("");
  const once = all.filter((c) => all.indexOf(c) === all.lastIndexOf(c) && !letters(most).includes(c)).sort();
  const result = right === undefined ? letters(most) + once.join("") : right.replace("...", letters(most));
  l.bind(0, l.op("Einsum", l.node.input, { equation: `${terms.join()}->${result}` }));
};

/** Compound operators by name; those of other domains with it. */
export const fused: Readonly<Record<string, LoweringRule>> = {
  Attention: attention,
  RotaryEmbedding: rotaryEmbedding,
  RMSNormalization: rootMeanSquare,
  SimplifiedLayerNormalization: rootMeanSquare,
  MeanVarianceNormalization: meanVariance,
  Einsum: einsum,
  "com.microsoft.Gelu": (l) => l.bind(0, gelu(l, l.input(0))),
  "com.microsoft.BiasGelu": (l) => l.bind(0, gelu(l, biased(l, 1))),
  "com.microsoft.FastGelu": (l) => l.bind(0, fastGelu(l, biased(l, 1))),
  "com.microsoft.QuickGelu": quickGelu,
  "com.microsoft.SkipLayerNormalization": skipped(true),
  "com.microsoft.SkipSimplifiedLayerNormalization": skipped(false),
  "com.microsoft.FusedMatMul": fusedMatMul,
  "com.microsoft.FusedConv": withActivation("Conv"),
  "com.microsoft.FusedGemm": withActivation("Gemm"),
  "com.microsoft.MultiHeadAttention": multiHeadAttention,
};
