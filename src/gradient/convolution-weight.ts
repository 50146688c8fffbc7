/**
 * @file The weight gradient of a convolution: a sum over positions of outer products. For each kernel offset a strided
 * cut of the input, in channels-last order, times the cotangent as a matrix was measured faster than one product with
 * all offsets side by side, and than a convolution by the cotangent. A depthwise weight gradient has no products between
 * channels; it is read off products of whole rows (or images), which cost more operations but run as matrix products.
 */
import { elementCount, type Dims } from "../onnx/index.ts";
import type { AdjointBuilder, Product, Range } from "./builder.ts";
import { offsets, tap, trailing, type Window } from "./window.ts";

/** A convolution as its weight gradient sees it. */
export interface Layer {
  /** Input `[N, C, ...wide]` and the cotangent of the output `[N, M, ...narrow]`. */
  readonly x: string;
  readonly dy: string;
  readonly batch: number;
  readonly group: number;
  /** Channels of one group on both sides. */
  readonly channels: number;
  readonly filters: number;
  readonly wide: Dims;
  readonly narrow: Dims;
  readonly window: Window;
}

/** With a single channel and at most this many offsets, all offsets form one matrix. */
const FEW_OFFSETS = 9;
/** Width of the runtime's matrix kernels and channel blocks. */
const BLOCK = 16;
/** Largest number of (input, output) position pairs of an image that are formed at once. */
const MANY_PAIRS = 4096;
/** Largest number of products over such pairs and over pairs of channels. */
const MANY_PRODUCTS = 32768;
/** Elements of a layer's input that fit into a second-level cache beside their cuts. */
const CACHED = 80_000;

const spatialCut = (layer: Layer, offset: readonly number[], first: number): Map<number, Range> =>
  new Map(offset.map((o, i) => [first + i, tap(layer.window, i, o, layer.narrow[i]!)]));

/** `[batch, group * part, ...narrow]` as `[group, part, positions]`, the positions of all images in a row. */
function positionsLast(b: AdjointBuilder, x: string, layer: Layer, part: number): string {
  const { batch, group, narrow } = layer;
  const swapped = b.transpose(x, [1, 0, ...narrow.map((_, i) => 2 + i)]);
  const positions = batch * elementCount(narrow);
  return b.reshape(swapped, group === 1 ? [part, positions] : [group, part, positions]);
}

/**
 * Any number of channels: one product for each offset. Result `[offsets, filters, channels]`, or with the last two
 * exchanged when `exchanged`: the narrow factor then comes first, where the runtime pads it less.
 */
function byOffset(b: AdjointBuilder, layer: Layer, exchanged: boolean): string {
  const { batch, channels, filters, wide, narrow, window } = layer;
  const outputs = elementCount(narrow);
  const channelsLast = [0, ...wide.map((_, i) => 2 + i), 1];
  const x = b.pad(
    b.transpose(layer.x, channelsLast),
    [0, ...window.begin, 0],
    [0, ...trailing(window, wide, narrow), 0],
  );
  const cuts = offsets(window.kernel).map((offset) => b.slice(x, spatialCut(layer, offset, 1)));
  if (exchanged) {
    const dy = b.reshape(b.transpose(layer.dy, channelsLast), [batch * outputs, filters]);
    return b.concat(
      cuts.map((cut) => b.matmul(b.reshape(cut, [batch * outputs, channels]), dy, 2, true)),
      0,
    );
  }
  const dy = positionsLast(b, layer.dy, layer, filters);
  return b.concat(
    cuts.map((cut) => b.matmul(dy, b.reshape(cut, [batch * outputs, channels]), 2)),
    0,
  );
}

/** The same for groups of channels. Result `[offsets, group, filters, channels]`. */
function byGroup(b: AdjointBuilder, layer: Layer): string {
  const { batch, group, channels, filters, wide, narrow, window } = layer;
  const split = b.reshape(layer.x, [batch, group, channels, ...wide]);
  const x = b.pad(
    b.transpose(split, [1, 0, ...wide.map((_, i) => 3 + i), 2]),
    [0, 0, ...window.begin, 0],
    [0, 0, ...trailing(window, wide, narrow), 0],
  );
  const dy = positionsLast(b, layer.dy, layer, filters);
  const products = offsets(window.kernel).map((offset) => {
    const cut = b.slice(x, spatialCut(layer, offset, 2));
    return b.matmul(dy, b.reshape(cut, [group, batch * elementCount(narrow), channels]), 3);
  });
  return b.concat(products, 0);
}

/** A kernel of one element: a single product. Result `[group, filters, channels]`. */
function pointwise(b: AdjointBuilder, layer: Layer): string {
  const { channels, filters, wide, narrow, window, group } = layer;
  const padded = b.pad(layer.x, [0, 0, ...window.begin], [0, 0, ...trailing(window, wide, narrow)]);
  const whole = window.strides.every((s) => s === 1);
  const offset = wide.map(() => 0);
  const cut = whole ? padded : b.slice(padded, spatialCut(layer, offset, 2));
  const x = positionsLast(b, cut, layer, channels);
  return b.matmul(positionsLast(b, layer.dy, layer, filters), x, group === 1 ? 2 : 3, false, true);
}

/** One channel: one product with all offsets side by side. Result `[group, filters, offsets]`. */
function byImage(b: AdjointBuilder, layer: Layer): string {
  const { batch, group, channels, filters, wide, narrow, window } = layer;
  const positions = elementCount(narrow);
  const x = b.pad(layer.x, [0, 0, ...window.begin], [0, 0, ...trailing(window, wide, narrow)]);
  const all = offsets(window.kernel);
  const cuts = all.map((offset) =>
    b.reshape(b.slice(x, spatialCut(layer, offset, 2)), [batch, group, channels, positions]),
  );
  const columns = b.reshape(b.concat(cuts, 2), [batch, group, all.length * channels, positions]);
  const dy = b.reshape(layer.dy, [batch, group, filters, positions]);
  return b.reduceSum(b.matmul(dy, columns, 4, false, true), [0]);
}

/**
 * Selects from the products of every output with every input position those one kernel offset apart.
 *
 * @returns a constant `[narrow positions * wide positions, offsets]`
 */
function selection(
  b: AdjointBuilder,
  window: Window,
  axes: readonly number[],
  wide: Dims,
  narrow: Dims,
): string {
  const pick = (dims: Dims): number[] => axes.map((a) => dims[a]!);
  const taps = offsets(pick(window.kernel));
  const inputs = elementCount(pick(wide));
  const outputs = offsets(pick(narrow));
  const data = new Float32Array(outputs.length * inputs * taps.length);
  outputs.forEach((out, o) =>
    taps.forEach((offset, t) => {
      let position = 0;
      for (const [i, a] of axes.entries()) {
        const at = out[i]! * window.strides[a]! + offset[i]! * window.dilations[a]! - window.begin[a]!;
        if (at < 0 || at >= wide[a]!) return;
        position = position * wide[a]! + at;
      }
      data[(o * inputs + position) * taps.length + t] = 1;
    }),
  );
  return b.floats([outputs.length * inputs, taps.length], data);
}

/** Small images: products of all pairs of positions. Result `[group, filters, channels, offsets]`. */
function byPair(b: AdjointBuilder, layer: Layer): string {
  const { batch, group, channels, filters, wide, narrow, window } = layer;
  const [inputs, outputs] = [elementCount(wide), elementCount(narrow)];
  const rows = (x: string, length: number): string =>
    group === 1
      ? b.reshape(x, [batch, length])
      : b.transpose(b.reshape(x, [batch, group, length]), [1, 0, 2]);
  const dy = rows(layer.dy, filters * outputs);
  const products = b.matmul(dy, rows(layer.x, channels * inputs), group === 1 ? 2 : 3, true);
  const apart = b.reshape(products, [group * filters, outputs, channels, inputs]);
  const pairs = channels === 1 ? apart : b.transpose(apart, [0, 2, 1, 3]);
  const axes = wide.map((_, i) => i);
  const flat = b.reshape(pairs, [group * filters * channels, outputs * inputs]);
  return b.matmul(flat, selection(b, window, axes, wide, narrow), 2);
}

/** Depthwise: products of rows of the last axis for each offset along the others. Result `[group, filters, offsets]`. */
function depthwiseByRow(b: AdjointBuilder, layer: Layer): string {
  const { batch, group, filters, wide, narrow, window } = layer;
  const last = wide.length - 1;
  const lead = wide.slice(0, last).map((_, i) => i);
  const [width, outputWidth] = [wide[last]!, narrow[last]!];
  const rows = batch * elementCount(narrow.slice(0, last));
  const tail = trailing(window, wide, narrow);
  const swapped = b.transpose(layer.x, [1, 0, ...wide.map((_, i) => 2 + i)]);
  const x = b.pad(
    swapped,
    [0, 0, ...lead.map((i) => window.begin[i]!), 0],
    [0, 0, ...lead.map((i) => tail[i]!), 0],
  );
  const split = b.transpose(b.reshape(layer.dy, [batch, group, filters, ...narrow]), [
    1,
    0,
    ...lead.map((i) => 3 + i),
    2,
    3 + last,
  ]);
  const dy = b.reshape(split, [group, rows, filters * outputWidth]);
  const select = selection(b, window, [last], wide, narrow);
  const products = offsets(window.kernel.slice(0, last)).map((offset) => {
    const cut = b.reshape(b.slice(x, spatialCut(layer, offset, 2)), [group, rows, width]);
    const pairs = b.reshape(b.matmul(dy, cut, 3, true), [group * filters, outputWidth * width]);
    return b.reshape(b.matmul(pairs, select, 2), [group * filters, 1, window.kernel[last]!]);
  });
  return b.concat(products, 1);
}

/** A layer's images in parts that stay in the processor's cache while every kernel offset reads them. */
function parts(b: AdjointBuilder, layer: Layer): Layer[] {
  const image = layer.group * layer.channels * elementCount(layer.wide);
  const size = Math.max(1, Math.floor(CACHED / image));
  if (size >= layer.batch) return [layer];
  return Array.from({ length: Math.ceil(layer.batch / size) }, (_, i) => {
    const [start, end] = [i * size, Math.min(layer.batch, (i + 1) * size)];
    const range = new Map([[0, [start, end] as const]]);
    return { ...layer, batch: end - start, x: b.slice(layer.x, range), dy: b.slice(layer.dy, range) };
  });
}

/** The same gradient as a product of the cotangent's positions with the input's cuts, for its squared norm. */
function asProduct(b: AdjointBuilder, layer: Layer, dependent: Product["dependent"]): Product {
  const { batch, channels, filters, wide, narrow, window } = layer;
  const rows = batch * elementCount(narrow);
  const channelsLast = [0, ...wide.map((_, i) => 2 + i), 1];
  const x = b.pad(
    b.transpose(layer.x, channelsLast),
    [0, ...window.begin, 0],
    [0, ...trailing(window, wide, narrow), 0],
  );
  const all = offsets(window.kernel);
  return {
    left: [b.reshape(b.transpose(layer.dy, channelsLast), [rows, filters])],
    right: all.map((offset) => b.reshape(b.slice(x, spatialCut(layer, offset, 1)), [rows, channels])),
    rows,
    dims: [filters, all.length * channels],
    factor: 1,
    dependent,
  };
}

/**
 * Gradient of a convolution's weight `[M, C / group, ...kernel]`.
 *
 * @param dependent which of `dy` ("left") and `x` ("right") varies with the cotangent
 */
export function weightGradient(
  b: AdjointBuilder,
  layer: Layer,
  dependent: Product["dependent"] = "left",
): string {
  const gradient = explicitGradient(b, layer);
  if (layer.group === 1) b.products.set(gradient, asProduct(b, layer, dependent));
  return gradient;
}

function explicitGradient(b: AdjointBuilder, layer: Layer): string {
  const { group, channels, filters, window, wide, narrow } = layer;
  const result = [group * filters, channels, ...window.kernel];
  const count = elementCount(window.kernel);
  if (count === 1) return b.reshape(pointwise(b, layer), result);
  const pairs = elementCount(wide) * elementCount(narrow);
  if (pairs <= MANY_PAIRS && (channels === 1 || pairs * filters * channels <= MANY_PRODUCTS)) {
    return b.reshape(byPair(b, layer), result);
  }
  if (channels === 1 && group > 1) return b.reshape(depthwiseByRow(b, layer), result);
  if (channels === 1 && count <= FEW_OFFSETS) return b.reshape(byImage(b, layer), result);
  const exchanged = group === 1 && channels > 1 && channels < BLOCK && filters >= BLOCK;
  const byTap =
    group === 1 ? b.total(parts(b, layer).map((part) => byOffset(b, part, exchanged))) : byGroup(b, layer);
  if (exchanged) {
    return b.reshape(b.transpose(b.reshape(byTap, [count, channels, filters]), [2, 1, 0]), result);
  }
  // A product with the identity: as a Transpose the runtime would merge it with the Reshape into a slow form.
  const identity = Float32Array.from({ length: count * count }, (_, i) => (i % (count + 1) === 0 ? 1 : 0));
  const flat = b.reshape(byTap, [count, channels * group * filters]);
  return b.reshape(b.matmul(flat, b.floats([count, count], identity), 2, true), result);
}
