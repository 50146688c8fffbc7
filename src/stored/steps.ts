/**
 * @file Which quantisation step belongs to which weight: one a tensor, one a channel, or one a block of neighbours
 * along an axis.
 */
import { elementCount } from "./tensor.ts";

/** How the codes of a tensor's channels lie: `outer` times, for each channel, `inner` weights in a row. */
export interface ChannelLayout {
  /** Product of the axes before the channels' axis. */
  readonly outer: number;
  readonly channels: number;
  /** Product of the axes behind it: weight `i` is of channel `floor(i / inner) % channels`. */
  readonly inner: number;
}

/** The layout along an axis; one channel when the axis is undefined. */
export function channelLayout(dims: readonly number[], axis: number | undefined): ChannelLayout {
  if (axis === undefined) return { outer: 1, channels: 1, inner: elementCount(dims) };
  return {
    outer: elementCount(dims.slice(0, axis)),
    channels: dims[axis]!,
    inner: elementCount(dims.slice(axis + 1)),
  };
}

/** Where the steps of a tensor apply. */
export interface StepLayout {
  readonly dims: readonly number[];
  /** Axis along which the step changes; undefined when the tensor has one step. */
  readonly channelAxis: number | undefined;
  /**
   * Undefined: one step for each index of `channelAxis`, whatever the other indices. A number: one step for so many
   * neighbours along `channelAxis` (the last block may be shorter), and the other indices have steps of their own.
   */
  readonly blockSize: number | undefined;
}

/**
 * Dimensions of the steps, one entry an axis of the tensor: 1 where the step does not change along it.
 *
 * @param layout of the tensor and its steps
 */
export function stepDims({ dims, channelAxis, blockSize }: StepLayout): number[] {
  return dims.map((d, axis) => {
    if (blockSize === undefined) return axis === channelAxis ? d : 1;
    return axis === channelAxis ? Math.ceil(d / blockSize) : d;
  });
}

/** Number of steps. */
export function stepCount(layout: StepLayout): number {
  return elementCount(stepDims(layout));
}

/**
 * Calls `visit` for each row of weights along the innermost axes: weight `start + k` has step `step + k * stride`.
 * Together the rows cover the tensor in C order.
 */
export function forEachStepRow(
  layout: StepLayout,
  visit: (start: number, count: number, step: number, stride: 0 | 1) => void,
): void {
  const { outer, channels, inner } = channelLayout(layout.dims, layout.channelAxis);
  const { blockSize } = layout;
  if (blockSize === undefined) {
    if (inner === 1) {
      for (let o = 0; o < outer; o++) visit(o * channels, channels, 0, 1);
      return;
    }
    for (let start = 0, row = 0; row < outer * channels; row++, start += inner)
      visit(start, inner, row % channels, 0);
    return;
  }
  const blocks = Math.ceil(channels / blockSize);
  for (let o = 0; o < outer; o++) {
    for (let block = 0; block < blocks; block++) {
      const step = (o * blocks + block) * inner;
      const from = block * blockSize;
      const to = Math.min(from + blockSize, channels);
      if (inner === 1) {
        visit(o * channels + from, to - from, step, 0);
      } else {
        for (let c = from; c < to; c++) visit((o * channels + c) * inner, inner, step, 1);
      }
    }
  }
}

/** A function from a weight to its step, for weights here and there; `forEachStepRow` goes through all of them. */
export function stepOf(layout: StepLayout): (weight: number) => number {
  const { channels, inner } = channelLayout(layout.dims, layout.channelAxis);
  const { blockSize } = layout;
  if (layout.channelAxis === undefined) return () => 0;
  if (blockSize === undefined) return (weight) => Math.floor(weight / inner) % channels;
  const blocks = Math.ceil(channels / blockSize);
  return (weight) => {
    const row = Math.floor(weight / inner);
    const outer = Math.floor(row / channels);
    const block = Math.floor((row - outer * channels) / blockSize);
    return (outer * blocks + block) * inner + (weight - row * inner);
  };
}

/**
 * Mean over the weights of each channel of the squared step.
 *
 * @param axis the axis whose channels are meant; undefined for one mean over the tensor
 * @returns [channels]
 */
export function meanSquareSteps(
  layout: StepLayout & { readonly steps: Float32Array },
  axis: number | undefined,
): Float64Array {
  const squares = Float64Array.from(layout.steps, (s) => s * s);
  const { outer, channels, inner } = channelLayout(layout.dims, axis);
  if (layout.blockSize === undefined) {
    if (axis !== undefined && axis === layout.channelAxis) return squares;
    const mean = squares.reduce((a, b) => a + b, 0) / squares.length;
    return new Float64Array(channels).fill(mean);
  }
  const sums = new Float64Array(channels);
  forEachStepRow(layout, (start, count, step, stride) => {
    for (let k = 0; k < count; k++)
      sums[Math.floor((start + k) / inner) % channels]! += squares[step + k * stride]!;
  });
  return sums.map((sum) => sum / Math.max(1, outer * inner));
}
