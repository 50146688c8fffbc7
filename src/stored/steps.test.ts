import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  channelLayout,
  forEachStepRow,
  meanSquareSteps,
  stepCount,
  stepDims,
  stepOf as ownStepOf,
  type StepLayout,
} from "./steps.ts";
import { elementCount } from "./tensor.ts";

const layouts: fc.Arbitrary<StepLayout> = fc
  .array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 4 })
  .chain((dims) =>
    fc.record({
      dims: fc.constant(dims),
      channelAxis: fc.option(fc.nat(dims.length - 1), { nil: undefined }),
      blockSize: fc.option(fc.integer({ min: 1, max: 6 }), { nil: undefined }),
    }),
  )
  .map((layout) => (layout.channelAxis === undefined ? { ...layout, blockSize: undefined } : layout));

const coordinates = (i: number, dims: readonly number[]): number[] => {
  let rest = i;
  return dims.map((_, axis) => {
    const below = elementCount(dims.slice(axis + 1));
    const coordinate = Math.floor(rest / below);
    rest %= below;
    return coordinate;
  });
};

/** The step of a weight from its coordinates, as ONNX defines blocked quantisation. */
function stepOf(i: number, layout: StepLayout): number {
  const dims = stepDims(layout);
  return coordinates(i, layout.dims).reduce((index, c, axis) => {
    const own =
      dims[axis] === 1
        ? 0
        : axis === layout.channelAxis && layout.blockSize !== undefined
          ? Math.floor(c / layout.blockSize)
          : c;
    return index * dims[axis]! + own;
  }, 0);
}

describe("step layouts", () => {
  it("visit every weight once, in order, with the step of its place", () => {
    fc.assert(
      fc.property(layouts, (layout) => {
        const count = elementCount(layout.dims);
        const seen: number[] = [];
        forEachStepRow(layout, (start, length, step, stride) => {
          expect(start).toBe(seen.length);
          for (let k = 0; k < length; k++) seen.push(step + k * stride);
        });
        expect(seen).toEqual(Array.from({ length: count }, (_, i) => stepOf(i, layout)));
        expect(Math.max(...seen)).toBe(stepCount(layout) - 1);
        expect(Array.from({ length: count }, (_, i) => ownStepOf(layout)(i))).toEqual(seen);
      }),
      { seed: 11, numRuns: 400 },
    );
  });

  it("average squared steps over the weights of a channel", () => {
    fc.assert(
      fc.property(layouts, fc.nat(3), (layout, axisSeed) => {
        const axis = axisSeed === 3 ? undefined : axisSeed % layout.dims.length;
        const steps = Float32Array.from({ length: stepCount(layout) }, (_, s) => 1 + ((s * 7) % 5));
        const channels = axis === undefined ? 1 : layout.dims[axis]!;
        const sums = new Float64Array(channels);
        const count = elementCount(layout.dims);
        for (let i = 0; i < count; i++) {
          const channel = axis === undefined ? 0 : coordinates(i, layout.dims)[axis]!;
          sums[channel]! += steps[stepOf(i, layout)]! ** 2;
        }
        const expected = sums.map((sum) => (sum * channels) / count);
        const means = meanSquareSteps({ ...layout, steps }, axis);
        // Sums of whole numbers are exact; two roundings on each side.
        expected.forEach((mean, c) =>
          expect(Math.abs(means[c]! - mean)).toBeLessThanOrEqual(4 * 2 ** -53 * mean),
        );
        expect(means).toHaveLength(channels);
      }),
      { seed: 12, numRuns: 400 },
    );
  });
});

describe("channelLayout", () => {
  it("counts outer, channels and inner", () => {
    expect(channelLayout([2, 3, 4, 5], 1)).toEqual({ outer: 2, channels: 3, inner: 20 });
    expect(channelLayout([2, 3], 0)).toEqual({ outer: 1, channels: 2, inner: 3 });
    expect(channelLayout([2, 3], 1)).toEqual({ outer: 2, channels: 3, inner: 1 });
    expect(channelLayout([2, 3], undefined)).toEqual({ outer: 1, channels: 1, inner: 6 });
  });
});
