import { describe, expect, it } from "vitest";
import { memoryTensor } from "../../test/memory-tensors.ts";
import type { ProtectionSegment } from "../channel/index.ts";
import { allocator, segmentsOf } from "./allocate.ts";
import { keptAccuracy, knownAnswers, leastOverhead, type MeasuredClassifier } from "./kept.ts";
import { expectedRunaways, tensorNoise } from "./residual.ts";
import type { MemoryTensor } from "./ladder.ts";

const samples = 300;
const margin = 2;
/** Samples of two classes, the first `margin` above the second. */
const answers = knownAnswers({
  values: Float32Array.from({ length: 2 * samples }, (_, i) => (i % 2 === 0 ? margin : 0)),
  classes: 2,
});
const sure = 1 / (1 + Math.exp(-margin));

/** The normal distribution function by its power series. */
function phi(x: number): number {
  let [term, sum] = [x, x];
  for (let k = 3; Math.abs(term) > 1e-17 * Math.abs(sum); k += 2) sum += term *= (x * x) / k;
  return 0.5 + (sum * Math.exp(-(x * x) / 2)) / Math.sqrt(2 * Math.PI);
}

/** A classifier whose squared Jacobian norms are 1, and half of that without the common direction. */
const classifier = (memory: readonly MemoryTensor[], squaredNorm = 1): MeasuredClassifier => ({
  memory,
  sensitivities: memory.map(() => ({ squaredNorm, sampleContrastNorms: Array<number>(samples).fill(0.5) })),
  ...answers,
});
const read = (memory: readonly MemoryTensor[], mask: (bits: number) => number): ProtectionSegment[][] =>
  memory.map(({ count, format }) => [{ start: 0, count, protectedMask: mask(format.bits), decoder: "none" }]);
const open = (memory: readonly MemoryTensor[]) => read(memory, () => 0);
const closed = (memory: readonly MemoryTensor[]) => read(memory, (bits) => 2 ** bits - 1);

/** Standard error of the draws over the samples, from five of which the expectations differ by chance in 6e-7. */
const allowed = 5 / (2 * Math.sqrt(64 * samples));

describe("keptAccuracy", () => {
  it("is the clean network's confidence in the answers that noise leaves, over that in its own", () => {
    expect(answers.expected).toBeCloseTo(sure, 7);
    const memory = [
      memoryTensor({ count: 40, stepSensitivity: 2e-4, flips: 0.02 }),
      memoryTensor({ count: 10, stepSensitivity: 1e-3, flips: 0.01 }),
    ];
    const noise = tensorNoise(memory, open(memory))!.reduce((a, b) => a + b, 0);
    // Half of the noise changes the contrast of two logits, which lies in one direction.
    const stays = phi(margin / Math.sqrt(2 * (noise / 2)));
    expect(stays).toBeGreaterThan(0.55);
    expect(stays).toBeLessThan(0.95);
    const expected = (sure * stays + (1 - sure) * (1 - stays)) / sure;
    expect(Math.abs(keptAccuracy(classifier(memory), open(memory)) - expected)).toBeLessThan(allowed / sure);
  });

  it("is all of it where everything is protected or no output depends on a weight", () => {
    const memory = [memoryTensor({ count: 40, stepSensitivity: 1 })];
    expect(keptAccuracy(classifier(memory), closed(memory))).toBeCloseTo(1, 12);
    expect(keptAccuracy(classifier(memory, 0), open(memory))).toBeCloseTo(1, 12);
    expect(keptAccuracy(classifier(memory), open(memory))).toBeLessThan(0.7);
  });

  it("follows a coherent change of the logits", () => {
    const memory = [memoryTensor({ count: 40 })];
    const shift = Float64Array.from({ length: 2 * samples }, (_, i) => (i % 2 === 0 ? 0 : 2 * margin));
    expect(keptAccuracy(classifier(memory), closed(memory), shift)).toBeCloseTo((1 - sure) / sure, 7);
  });

  it("takes a chip with a runaway weight to guess", () => {
    // Weights of at most 1: an exponent's highest bit makes them 2^128 times as large.
    const wide = memoryTensor({ count: 500, format: "bf16", flips: 1e-3 });
    const memory = [{ ...wide, histogram: wide.format.values.map((v) => (Math.abs(v) <= 1 ? 1 : 0)) }];
    const runaways = expectedRunaways(memory, open(memory));
    expect(runaways).toBeGreaterThan(0.01);
    const whole = Math.exp(-runaways);
    const expected = (whole * sure + (1 - whole) / 2) / sure;
    expect(keptAccuracy(classifier(memory, 0), open(memory))).toBeCloseTo(expected, 7);
  });

  it("spreads the noise over one direction less than there are classes", () => {
    // Four classes, three of them alike: the noise of three directions on each of four logits.
    const count = 400;
    const values = Float32Array.from({ length: 4 * count }, (_, i) => (i % 4 === 1 ? margin : 0));
    const four = knownAnswers({ values, classes: 4 });
    const memory = [memoryTensor({ count: 40, stepSensitivity: 5e-4, flips: 0.02 })];
    const [noise] = tensorNoise(memory, open(memory))!;
    const sd = Math.sqrt((noise! * 0.75) / 3);
    let stays = 0;
    for (let t = -8; t <= 8; t += 1 / 64) {
      stays += (Math.exp(-(t * t) / 2) / Math.sqrt(2 * Math.PI) / 64) * phi(margin / sd + t) ** 3;
    }
    expect(stays).toBeLessThan(0.9);
    const own = four.clean.confidences[1]!;
    const expected = (own * stays + ((1 - own) / 3) * (1 - stays)) / own;
    const found = keptAccuracy(
      {
        memory,
        sensitivities: [{ squaredNorm: 1, sampleContrastNorms: Array<number>(count).fill(0.75) }],
        ...four,
      },
      open(memory),
    );
    expect(Math.abs(found - expected)).toBeLessThan(5 / (2 * Math.sqrt(64 * count)) / own);
  });
});

describe("leastOverhead", () => {
  const memory = [
    memoryTensor({ count: 30, stepSensitivity: 1e-3, flips: 0.05 }),
    memoryTensor({ count: 50, stepSensitivity: 1e-4, flips: 0.05 }),
  ];
  const network = classifier(memory);
  const keptAt = (policy: "tac" | "uniform-msp", overhead: number) => {
    const { tensors } = allocator(policy, memory).allocate(overhead);
    return keptAccuracy(
      network,
      memory.map((t, i) => segmentsOf(t, tensors[i]!, "none")),
    );
  };

  it.each(["tac", "uniform-msp"] as const)(
    "is where %s begins to keep the share, to a ten-thousandth",
    (policy) => {
      for (const keep of [0.8, 0.95, 0.99]) {
        const least = leastOverhead(network, policy, keep);
        expect(least).toBeGreaterThan(0);
        expect(keptAt(policy, least)).toBeGreaterThanOrEqual(keep);
        expect(keptAt(policy, least - 1e-4)).toBeLessThan(keep);
      }
    },
  );

  it("is nothing where nothing is needed, and all where all is", () => {
    expect(leastOverhead(network, "tac", keptAt("tac", 0))).toBe(0);
    expect(leastOverhead(network, "tac", 0)).toBe(0);
    expect(leastOverhead(network, "tac", 1.1)).toBe(1);
  });
});
