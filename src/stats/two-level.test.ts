import { describe, expect, it } from "vitest";
import { normal } from "../../test/draw.ts";
import { momentsOf, optimalImages, sampleVariance, twoLevelVariances } from "./index.ts";
import { uniformStream } from "./random.ts";

describe("twoLevelVariances", () => {
  it("is unbiased where between is not cut: the mean over many pilots is the truth", () => {
    const uniform = uniformStream(41);
    const [between, within, images] = [0.04, 1, 10];
    const pilots = Array.from({ length: 2_000 }, () =>
      twoLevelVariances(
        Array.from({ length: 8 }, () => {
          const chip = Math.sqrt(between) * normal(uniform);
          return Array.from({ length: 4 }, () => chip + Math.sqrt(within / images) * normal(uniform));
        }),
        images,
      ),
    );
    const close = (values: number[], truth: number) => {
      const moments = momentsOf(values);
      const error = Math.sqrt(sampleVariance(moments) / values.length);
      expect(Math.abs(moments.mean - truth)).toBeLessThan(4 * error);
    };
    close(
      pilots.map((p) => p.within),
      within,
    );
    // Cut at 0 in few pilots, which lifts the mean a little: 4 standard errors are 0.0022.
    close(
      pilots.map((p) => p.between),
      between,
    );
  });

  it("knows chips that are judged on the same images, however these differ", () => {
    const uniform = uniformStream(43);
    const [between, within, images] = [1e-4, 0.04, 100];
    const pilots = Array.from({ length: 2_000 }, () => {
      const parts = Array.from({ length: 4 }, () => 0.3 * normal(uniform));
      return twoLevelVariances(
        Array.from({ length: 8 }, () => {
          const chip = Math.sqrt(between) * normal(uniform);
          return parts.map((part) => chip + part + Math.sqrt(within / images) * normal(uniform));
        }),
        images,
      );
    });
    const moments = momentsOf(pilots.map((p) => p.within));
    expect(Math.abs(moments.mean - within)).toBeLessThan(
      4 * Math.sqrt(sampleVariance(moments) / pilots.length),
    );
    // The variance of eight means, less a quarter of the parts': cut at 0 it lies a little above the truth.
    const found = momentsOf(pilots.map((p) => p.between));
    expect(found.mean - between).toBeGreaterThan(-4 * Math.sqrt(sampleVariance(found) / pilots.length));
    expect(found.mean).toBeLessThan(2 * between);
  });

  it("refuses pilots without both levels", () => {
    expect(() => twoLevelVariances([[1, 2]], 5)).toThrow(/two chips/);
    expect(() => twoLevelVariances([[1], [2]], 5)).toThrow(/two or more/);
    expect(() => twoLevelVariances([], 5)).toThrow(/two chips/);
    expect(() =>
      twoLevelVariances(
        [
          [1, 2],
          [1, 2, 3],
        ],
        5,
      ),
    ).toThrow(/same number of parts/);
  });

  it("is exact for a pilot worked out by hand, and never negative", () => {
    // The chips' means 1 and 5 vary by 8, those of the parts are 1.5 and 4.5; half a unit is left in each cell.
    expect(
      twoLevelVariances(
        [
          [0, 2],
          [3, 7],
        ],
        10,
      ),
    ).toEqual({ between: 7.5, within: 10 });
    expect(
      twoLevelVariances(
        [
          [0, 2],
          [2, 0],
        ],
        1,
      ),
    ).toEqual({ between: 0, within: 4 });
  });
});

describe("optimalImages", () => {
  const price = (v: { between: number; within: number }, c: { chip: number; image: number }, m: number) =>
    (c.chip + m * c.image) * (v.between + v.within / m);

  it("has the least price of all numbers of images", () => {
    for (const [between, within, chip, image, total] of [
      [0.0004, 0.09, 5, 0.02, 2000],
      [0.01, 0.09, 1, 1, 500],
      [1e-6, 0.09, 50, 0.01, 300],
      [0, 0.09, 5, 0.02, 100],
    ] as const) {
      const [variances, costs] = [
        { between, within },
        { chip, image },
      ];
      const { images, gain } = optimalImages(variances, costs, total);
      const prices = Array.from({ length: total }, (_, i) => price(variances, costs, i + 1));
      expect(price(variances, costs, images)).toBe(Math.min(...prices));
      expect(gain).toBeCloseTo(prices.at(-1)! / Math.min(...prices), 12);
    }
    expect(optimalImages({ between: 0.0004, within: 0.09 }, { chip: 5, image: 0.02 }, 2000).images).toBe(237);
  });

  it("takes all images where nothing varies", () => {
    expect(optimalImages({ between: 0, within: 0 }, { chip: 1, image: 1 }, 50)).toEqual({
      images: 50,
      gain: 1,
    });
  });
});
