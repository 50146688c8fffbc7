import { describe, expect, it } from "vitest";
import { meanError } from "../../ecc/index.ts";
import { deviceFlips, deviceFromFlags, poissonTail, withValue, type Device } from "../../physics/index.ts";
import { formatNumber } from "../../report/index.ts";
import { physicalWays } from "./codes-physical.ts";

/** Planes of one weight in four bits in cells of a device. */
const planesOf = (channel: { p01: number; p10: number }) =>
  [1, 4, 16, 64].map((noisePerError, k) => ({ name: `bit ${k}`, count: 100, noisePerError, channel }));
const noiseAt = (error: number) => 85 * 100 * error;
const byName = (ways: ReturnType<typeof physicalWays>) => new Map(ways.map((way) => [way.name, way]));

describe("physicalWays", () => {
  const device = deviceFromFlags({ material: "SiO2", thickness: 2.5, hold: 0.064, attempt: 1e13, energy: 0 });
  const now = deviceFlips(device);

  it("finds the oxide and the refresh that bring a telegraph cell to the noise", () => {
    const target = noiseAt(meanError(now)) / 20;
    const ways = byName(physicalWays(device, planesOf(now), target));
    const error = meanError(now) / 20;
    const { factor, setting } = ways.get("refresh more often")!;
    // p = (1 - exp(-2 Gamma t)) / 2.
    expect(factor).toBeCloseTo(Math.log1p(-2 * meanError(now)) / Math.log1p(-2 * error), 6);
    expect(Number.parseFloat(setting!.split(" ")[1]!)).toBeCloseTo(0.064 / factor!, 4);
    const thick = ways.get("thicker oxide")!.factor! * 2.5;
    const errorAt = (nm: number) => meanError(deviceFlips(withValue(device, "thicknessNm", nm)));
    expect(errorAt(thick)).toBeLessThanOrEqual(error);
    // Thicknesses are tried in steps of half a per cent.
    expect(errorAt(thick - 0.0126)).toBeGreaterThan(error);
    const byBit = ways.get("thicker by bit")!;
    expect(byBit.factor).toBeGreaterThan(1);
    expect(byBit.factor).toBeLessThan(ways.get("thicker oxide")!.factor!);
    const noise = [1, 4, 16, 64].reduce((sum, v, k) => sum + 100 * v * errorAt(byBit.thicknessNm![k]!), 0);
    expect(noise).toBeLessThanOrEqual(target);
    expect(byBit.thicknessNm).toEqual([...byBit.thicknessNm!].sort((a, b) => a - b));
    const dual = ways.get("by bit, same total")!;
    expect(dual.factor).toBeLessThanOrEqual(1 + 1e-9);
    expect(dual.left).toBeLessThan(20);
  });

  it("writes a cell that loses charge at a voltage that makes up for it, and fails at the same charge", () => {
    const cell: Device = {
      ...device,
      barrier: { ...device.barrier!, biasV: 0.05 },
      flip: {
        model: "threshold",
        statistics: "poisson",
        electrons: 40,
        criticalElectrons: 20,
        chargedState: 1,
      },
    };
    const flips = deviceFlips(cell);
    const target = noiseAt(meanError(flips)) * 0.7;
    const way = byName(physicalWays(cell, planesOf(flips), target)).get("another voltage")!;
    const errorAt = (scale: number) => {
      const biased = withValue({ ...cell, flip: { model: "telegraph" } }, "biasV", 0.05 * scale);
      // Of a telegraph cell p = (1 - exp(-2 Gamma t)) / 2; electrons that leave are Poisson with mean N Gamma t.
      const exposure = -Math.log1p(-2 * deviceFlips(biased).p01) / 2;
      const electrons = Math.round(40 * scale);
      return poissonTail(electrons * exposure, electrons - 20) / 2;
    };
    expect(errorAt(1)).toBeCloseTo(meanError(flips), 12);
    const scale = Math.sqrt(way.factor!);
    expect(way.setting).toBe(`${formatNumber(0.05 * scale)} V`);
    expect(errorAt(scale)).toBeLessThanOrEqual(0.7 * errorAt(1));
    // Voltages are tried in steps of a 108th of a decade.
    expect(errorAt(scale / 10 ** (1 / 108))).toBeGreaterThan(0.7 * errorAt(1));
  });

  it("knows no oxide of flips that are given as numbers, and nothing to do where the noise is low enough", () => {
    const given = deviceFromFlags({ p: 0.02 });
    const planes = planesOf({ p01: 0.02, p10: 0.02 });
    const ways = physicalWays(given, planes, noiseAt(0.001));
    expect(ways.map(({ name }) => name)).toEqual(["refresh more often"]);
    expect(ways[0]!.factor).toBeCloseTo(Math.log1p(-0.04) / Math.log1p(-0.002), 6);
    expect(physicalWays(given, planes, noiseAt(0.05))).toEqual([]);
    expect(physicalWays(deviceFromFlags({ p: 0.5 }), planesOf({ p01: 0.5, p10: 0.5 }), 1)).toEqual([]);
  });
});
