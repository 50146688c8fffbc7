/** @file Ideal, statistical and bit-exact protection agree where they should. */
import { describe, expect, it } from "vitest";
import { trialContext } from "../../test/trials.ts";
import { asymmetricFlips, segmentFlips, symmetricFlips, type ProtectionMode } from "../channel/index.ts";
import { codeNamed, residualChannel } from "../ecc/index.ts";
import { usualFaults } from "../faults/index.ts";
import { buildImage, readImage } from "../image/index.ts";
import { imageRequest, randomTensors, sha256 } from "../../test/silicon/image-parts.ts";
import { meanInterval, momentsOf } from "../stats/index.ts";
import { codedRegions } from "./codewords.ts";
import { openMemoryReader, type MemoryContent, type Protection } from "./memory-reader.ts";

const modes = ["ideal", "residual", "exact"] as const satisfies readonly ProtectionMode[];

/** The top bits of every weight held by a code; the top one by another in the second half. */
function held(
  content: Pick<MemoryContent, "tensors">,
  code: string,
  mask: number,
  other?: string,
): Protection {
  const coded = (name: string, bits: number) => ({ mask: bits, code: name, p01: 0, p10: 0 });
  return content.tensors.map(({ count }) => {
    const half = count >> 1;
    const first = {
      start: 0,
      count: half,
      protectedMask: mask,
      decoder: "none",
      codes: [coded(code, mask)],
    } as const;
    const codes = other === undefined ? first.codes : [coded(other, 0x80), coded(code, mask & 0x7f)];
    return [first, { ...first, start: half, count: count - half, codes }];
  });
}

/** [chips] share of weights whose top two bits are read wrongly, and mean squared error, under a mode. */
function wrongReads(content: MemoryContent, protection: Protection, mode: ProtectionMode, chips: number) {
  const reader = openMemoryReader({ ...content, protection: mode }, "faults");
  const clean = content.tensors.map((t) =>
    Array.from(t.codes, (c) => Math.fround(t.format.values[c]! * t.steps[0]!)),
  );
  const total = clean.reduce((sum, w) => sum + w.length, 0);
  return Array.from({ length: chips }, (_, chip) => {
    reader.draw(chip);
    const { weights } = reader.read(protection);
    let wrong = 0;
    let squares = 0;
    content.tensors.forEach(({ steps }, t) => {
      weights[t]!.forEach((w, i) => {
        const error = Math.round((w - clean[t]![i]!) / steps[0]!);
        squares += error * error;
        // Of the bits below the two highest, the largest error is 63 steps.
        if (Math.abs(error) >= 64) wrong++;
      });
    });
    return { wrong: wrong / total, squares: squares / total };
  });
}

/** Student's interval of a mean, at five standard errors or so: by chance missed once in some 10^5. */
const widely = (values: readonly number[]) => meanInterval(momentsOf(values), { confidence: 1 - 1e-5 });

describe("protection by codes", () => {
  it.each([
    ["secded(72,64)", 0.01],
    ["secded(13,8)", 0.05],
    ["bch(63,45,3)", 0.04],
    ["repetition(3)", 0.08],
    ["parity(9,8)", 0.02],
  ] as const)(
    "exact and residual flip as many bits and leave the same squared error: %s at p = %s",
    async (code, p) => {
      const { context } = await trialContext("lenet", { p });
      const flips = context.tensors.map(() => asymmetricFlips(p, p / 2, 8));
      const content = { ...context, flips, designFlips: flips };
      const protection = held(content, code, 0xc0);
      const exact = wrongReads(content, protection, "exact", 200);
      const residual = wrongReads({ ...content, seed: 99 }, protection, "residual", 200);
      for (const of of ["wrong", "squares"] as const) {
        const [a, b] = [widely(exact.map((x) => x[of])), widely(residual.map((x) => x[of]))];
        expect(a.low).toBeLessThan(b.high);
        expect(b.low).toBeLessThan(a.high);
        // The intervals say something: they would not meet for half as many errors.
        expect(a.high - a.low).toBeLessThan(0.4 * a.estimate);
      }
      // With bits that flip by themselves, the law of the top two bits is that of the channel behind the code.
      const { p01, p10 } = residualChannel(codeNamed(code), { p01: p, p10: p / 2 });
      let expected = 0;
      let total = 0;
      for (const { codes } of content.tensors)
        for (const c of codes) {
          const left = (bit: number) => ((c >> bit) & 1 ? p10 : p01);
          // Bit 7 alone is 128 steps off, bit 6 alone 64, both 64 or 192; the lower bits add at most 63 against that.
          expected += 1 - (1 - left(7)) * (1 - left(6));
          total++;
        }
      const found = widely(residual.map((x) => x.wrong));
      // An error of 64 and lower bits of the other sign are not counted: at most the share of weights with lower flips.
      expect(found.low).toBeLessThan(expected / total);
      expect(found.high).toBeGreaterThan((expected / total) * (1 - p) ** 6);
    },
  );

  it("is the same in all three where no code fails, and where there is none", async () => {
    const { context } = await trialContext("lenet", { p: 1e-4 });
    // Five flips of nine cells at once: (9 over 5) p^5 = 1.3e-18 a bit.
    const strong = held(context, "repetition(9)", 0xc0);
    const bare: Protection = context.tensors.map(({ count }) => [
      { start: 0, count, protectedMask: 0xc0, decoder: "none" },
    ]);
    const reads = (protection: Protection, mode: ProtectionMode) => {
      const reader = openMemoryReader({ ...context, protection: mode }, "faults");
      return [0, 1, 2].map((chip) => {
        reader.draw(chip);
        const { weights, isHit } = reader.read(protection);
        return { weights: weights.map((w) => w.slice()), isHit };
      });
    };
    const ideal = reads(bare, "ideal");
    expect(ideal.every((read) => read.isHit)).toBe(true);
    for (const mode of modes) {
      expect(reads(bare, mode)).toEqual(ideal);
      expect(reads(strong, mode)).toEqual(ideal);
    }
  });

  it("leaves the bits that no code holds as they are, whatever holds the others", async () => {
    const { context } = await trialContext("lenet", { p: 0.05 });
    const low = (code: number) => code & 0x3f;
    for (const mode of modes) {
      const reader = openMemoryReader({ ...context, protection: mode }, "faults");
      const plain = openMemoryReader(context, "faults");
      for (const chip of [0, 1]) {
        reader.draw(chip);
        plain.draw(chip);
        const bare: Protection = context.tensors.map(({ count }) => [
          { start: 0, count, protectedMask: 0, decoder: "none" },
        ]);
        const coded = reader.read(held(context, "secded(22,16)", 0xc0, "repetition(3)")).weights;
        plain.read(bare).weights.forEach((weights, t) => {
          const step = context.tensors[t]!.steps[0]!;
          const codeOf = (w: number) => Math.round(w / step) & 0xff;
          weights.forEach((w, i) => expect(low(codeOf(coded[t]![i]!))).toBe(low(codeOf(w))));
        });
      }
    }
  });

  it("reads what the memory image would be read as, with the same cells hit", () => {
    const tensors = randomTensors();
    for (const name of ["secded(22,16)", "bch(63,45,3)", "repetition(3)", "parity(9,8)"]) {
      const request = imageRequest(tensors, name);
      const { layout, regions } = buildImage(request);
      const protection: Protection = request.tensors.map(({ segments }) =>
        segments.map(({ start, count, protectedMask }) => ({
          start,
          count,
          protectedMask,
          decoder: "none",
          codes: [{ mask: protectedMask, code: name, p01: 0, p10: 0 }],
        })),
      );
      const r = layout.regions.findIndex((region) => region.code !== null);
      const [region] = codedRegions(tensors, protection);
      const { rows, rowBytes, code } = layout.regions[r]!;
      const checks = Array.from({ length: code!.wordBits }, (_, j) => j).filter(
        (j) => !code!.dataPositions.includes(j),
      );
      const bitOf = (bytes: Uint8Array, word: number, j: number) =>
        (bytes[word * rowBytes + (j >> 3)]! >> (j & 7)) & 1;
      // The check bits are those of the image.
      expect(Array.from(region!.checkBits)).toEqual(
        Array.from({ length: rows }, (_, w) => checks.map((j) => bitOf(regions[r]!, w, j))).flat(),
      );
      // Every third word is hit in two data cells, every fourth in one; the same in the image and in the reader.
      const wrong = new Map<number, Map<number, number>>();
      for (let at = 0; at < region!.dataBits; at++) {
        const word = Math.floor(at / code!.dataBits);
        const i = at % code!.dataBits;
        const isHit =
          (word % 3 === 0 && (i === 0 || i === Math.min(5, code!.dataBits - 1))) ||
          (word % 4 === 1 && i === 0);
        if (!isHit) continue;
        const plane = region!.planes.findLast(({ offset }) => offset <= at)!;
        region!.hitWeight(plane.tensor, plane.start + at - plane.offset, 1 << plane.bit);
        const j = code!.dataPositions[i]!;
        regions[r]![word * rowBytes + (j >> 3)]! ^= 1 << (j & 7);
      }
      region!.decode((t, weight, bit) => {
        const own = wrong.get(t) ?? new Map<number, number>();
        own.set(weight, (own.get(weight) ?? 0) ^ (1 << bit));
        wrong.set(t, own);
      });
      const reading = readImage(layout, regions, { codeOf: (c) => codeNamed(c.name), sha256 });
      expect(reading.regions[r]!.isAsWritten).toBe(false);
      reading.tensors.forEach((found, t) => {
        const expected = tensors[t]!.codes.map((c, i) => c ^ (wrong.get(t)?.get(i) ?? 0));
        expect(found.codes).toEqual(expected);
      });
    }
  });

  it("spreads bursts over the words they hit, and counts intervals", async () => {
    const { context } = await trialContext("lenet", { p: 0.01 });
    const protection = held(context, "secded(72,64)", 0xc0);
    const mean = (content: MemoryContent) =>
      widely(wrongReads(content, protection, "exact", 60).map((x) => x.wrong));
    const once = mean(context);
    const often = mean({ ...context, faults: { ...usualFaults, intervals: 4 } });
    // About p^2: four intervals leave more than twice as much.
    expect(often.low).toBeGreaterThan(2 * once.high);
    // Bursts along the cells of a weight hit other words; those of a plane do not, so that pairs become the rule.
    const planes = { columns: 1024, order: "bit-planes" } as const;
    const bursts = [{ model: "burst" as const, length: 2 }];
    const beside = mean({ ...context, faults: { ...usualFaults, models: bursts, layout: planes } });
    expect(beside.low).toBeGreaterThan(once.high);
  });

  it("refuses codes that hold no planes", async () => {
    const { context } = await trialContext("lenet", {});
    const reader = openMemoryReader(context, "faults");
    reader.draw(0);
    expect(() => reader.read(held(context, "zero-space(64,57)", 0xc0))).toThrow(/inside whole int8 weights/);
    expect(() => reader.read(held(context, "secded(72,63)", 0xc0))).not.toThrow();
    expect(() => reader.read(held(context, "turbo(3)", 0xc0))).toThrow(/There is no code/);
  });
});

describe("segmentFlips", () => {
  it("gives each bit its channel", () => {
    const flips = symmetricFlips(0.1, 4);
    const codes = [{ mask: 0b0100, code: "secded(72,64)", p01: 0.01, p10: 0.02 }];
    const { p01, p10 } = segmentFlips(flips, { protectedMask: 0b1100, codes });
    expect(Array.from(p01)).toEqual([0.1, 0.1, 0.01, 0]);
    expect(Array.from(p10)).toEqual([0.1, 0.1, 0.02, 0]);
  });
});
