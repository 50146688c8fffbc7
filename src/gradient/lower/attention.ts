/** @file Scaled dot-product attention and rotary embedding in products and a softmax. */
import { NotLowered, type Lowering, type LoweringRule } from "./context.ts";

/** `[batch, heads, length, size]` of a value, with its shape. */
interface Heads {
  readonly value: string;
  readonly dims: readonly [number, number, number, number];
}

/** Brings `[batch, length, heads * size]` to heads; a value of four axes is left as it is. */
function asHeads(l: Lowering, i: number, heads: number): Heads {
  const dims = l.dims(i);
  if (dims.length === 4) return { value: l.input(i), dims: dims as [number, number, number, number] };
  if (dims.length !== 3 || heads <= 0) throw new NotLowered("operands of this shape");
  const [batch, length, width] = dims as [number, number, number];
  const split = l.reshape(l.input(i), [batch, length, heads, width / heads]);
  return { value: l.transpose(split, [0, 2, 1, 3]), dims: [batch, heads, length, width / heads] };
}

/** Repeats key or value heads where several query heads share one. */
function repeated(l: Lowering, { value, dims }: Heads, heads: number): Heads {
  const [batch, own, length, size] = dims;
  if (own === heads) return { value, dims };
  const split = l.reshape(value, [batch, own, 1, length, size]);
  const wide = l.op("Expand", [split, l.ints([batch, own, heads / own, length, size])]);
  return { value: l.reshape(wide, [batch, heads, length, size]), dims: [batch, heads, length, size] };
}

const lowest = -1e9;

/** `softmax(scale Q K^T + bias) V`, with a triangle hidden where `causal`. */
function attend(
  l: Lowering,
  q: Heads,
  keys: Heads,
  values: Heads,
  options: {
    readonly scale: number;
    readonly bias?: string;
    readonly causal: boolean;
    readonly softcap?: number;
  },
): Heads {
  const [batch, heads, length] = q.dims;
  const [k, v] = [repeated(l, keys, heads), repeated(l, values, heads)];
  const others = k.dims[2];
  let scores = l.scale(l.matmul(q.value, l.transpose(k.value, [0, 1, 3, 2])), options.scale);
  const cap = options.softcap ?? 0;
  if (cap > 0) scores = l.scale(l.op("Tanh", [l.scale(scores, 1 / cap)]), cap);
  if (options.bias !== undefined) scores = l.add(scores, options.bias);
  if (options.causal) {
    const hidden = Float32Array.from({ length: length * others }, (_, i) =>
      i % others > Math.floor(i / others) + (others - length) ? lowest : 0,
    );
    scores = l.add(scores, l.floats([length, others], hidden));
  }
  const product = l.matmul(l.softmax(scores, 4), v.value);
  return { value: product, dims: [batch, heads, length, v.dims[3]] };
}

/** Back to `[batch, length, heads * size]`. */
function joined(l: Lowering, { value, dims }: Heads): string {
  const [batch, heads, length, size] = dims;
  return l.reshape(l.transpose(value, [0, 2, 1, 3]), [batch, length, heads * size]);
}

/** The operator of the default domain (operator set 23 on), without a cache of past keys. */
export const attention: LoweringRule = (l) => {
  if ([4, 5, 6].some((i) => l.has(i)) || [1, 2, 3].some((i) => l.isRead(i)))
    throw new NotLowered("a cache of keys and values");
  const [heads, shared] = [l.int("q_num_heads", 0), l.int("kv_num_heads", 0)];
  const q = asHeads(l, 0, heads);
  const k = asHeads(l, 1, shared);
  const v = asHeads(l, 2, shared);
  const causal = l.int("is_causal", 0) !== 0;
  if (causal && q.dims[2] !== k.dims[2]) throw new NotLowered("a causal mask on unequal lengths");
  const scale = l.float("scale", 1 / Math.sqrt(q.dims[3]));
  const bias = l.has(3) ? maskOf(l, 3) : undefined;
  const y = attend(l, q, k, v, {
    scale,
    causal,
    softcap: l.float("softcap", 0),
    ...(bias === undefined ? {} : { bias }),
  });
  l.bind(0, l.dims(0).length === 4 ? y.value : joined(l, y));
};

/** A mask to add: as it is, or from booleans that say what is seen. */
function maskOf(l: Lowering, i: number): string {
  if (l.type(i) !== "bool") return l.input(i);
  return l.op("Where", [l.input(i), l.scalar(0), l.scalar(lowest)]);
}

/** The fused operator of optimised transformers: query, key, value, bias; no masks or cache. */
export const multiHeadAttention: LoweringRule = (l) => {
  if ([4, 6, 7, 8, 9].some((i) => l.has(i)) || [1, 2].some((i) => l.isRead(i)))
    throw new NotLowered("masks by length and caches");
  if (!l.has(1) || !l.has(2)) throw new NotLowered("packed operands");
  const heads = l.int("num_heads", 0);
  const widths = [0, 1, 2].map((i) => l.dims(i).at(-1)!);
  const offsets = [0, widths[0]!, widths[0]! + widths[1]!];
  const operand = (i: number): Heads => {
    const plain = asHeads(l, i, heads);
    if (!l.has(3)) return plain;
    if (l.dims(i).length !== 3) throw new NotLowered("a bias on separate heads");
    const bias = l.slice(l.input(3), 0, offsets[i]!, offsets[i]! + widths[i]!);
    const [batch, , length, size] = plain.dims;
    const split = l.reshape(l.add(l.input(i), bias), [batch, length, heads, size]);
    return { value: l.transpose(split, [0, 2, 1, 3]), dims: plain.dims };
  };
  const q = operand(0);
  const given = l.float("scale", 0);
  const y = attend(l, q, operand(1), operand(2), {
    scale: given === 0 ? 1 / Math.sqrt(q.dims[3]) : given,
    causal: l.int("unidirectional", 0) !== 0,
    ...(l.has(5) ? { bias: l.input(5) } : {}),
  });
  l.bind(0, joined(l, y));
};

/** Rotation of pairs of features: halves of each head, or neighbours where interleaved. */
export const rotaryEmbedding: LoweringRule = (l) => {
  const dims = l.dims(0);
  if (dims.length !== 4) throw new NotLowered("three axes");
  const [batch, heads, length, size] = dims as [number, number, number, number];
  const rotary = l.int("rotary_embedding_dim", 0) || size;
  const half = rotary / 2;
  const table = (i: number): string => {
    const chosen = l.has(3) ? l.op("Gather", [l.input(i), l.input(3)], { axis: 0 }) : l.input(i);
    return l.reshape(chosen, [batch, 1, length, half]);
  };
  const [cos, sin] = [table(1), table(2)];
  const turned = rotary === size ? l.input(0) : l.slice(l.input(0), 3, 0, rotary);
  const interleaved = l.int("interleaved", 0) !== 0;
  const pairs = interleaved
    ? l.transpose(l.reshape(turned, [batch, heads, length, half, 2]), [0, 1, 2, 4, 3])
    : l.reshape(turned, [batch, heads, length, 2, half]);
  const [a, b] = l.split(pairs, 2, 3).map((x) => l.reshape(x, [batch, heads, length, half])) as [
    string,
    string,
  ];
  const first = l.sub(l.mul(cos, a), l.mul(sin, b));
  const second = l.add(l.mul(sin, a), l.mul(cos, b));
  const both = l.concat(
    [first, second].map((x) => l.reshape(x, [batch, heads, length, 1, half])),
    3,
  );
  const whole = l.reshape(interleaved ? l.transpose(both, [0, 1, 2, 4, 3]) : both, [
    batch,
    heads,
    length,
    rotary,
  ]);
  l.bind(0, rotary === size ? whole : l.concat([whole, l.slice(l.input(0), 3, rotary, size)], 3));
};
