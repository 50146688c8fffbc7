import { describe, expect, it } from "vitest";
import { asymmetricFlips, numberFormat, type Codes } from "../channel/index.ts";
import { openFaults, usualFaults } from "../faults/index.ts";
import { uniformStream } from "../stats/random.ts";
import { openChips, shareRight, type BrowserMemory } from "./browser-memory.ts";
import { spendBudget } from "./budget.ts";
import type { PlanChoice } from "./protocol.ts";
import { encodeCounts, openNetwork, type NetworkSnapshot } from "./snapshot.ts";

const format = numberFormat("int8");
const random = uniformStream(5);
const stored: Codes[] = [40, 24].map((count) => Uint8Array.from({ length: count }, () => 256 * random()));
const [p01, p10] = [0.2, 0.3];

const snapshot: NetworkSnapshot = {
  model: { name: "two.onnx", sha256: "" },
  tensors: stored.map((codes, t) => ({
    name: `w${t}`,
    role: "weight",
    operator: "MatMul",
    shape: [codes.length],
    count: codes.length,
    format: format.name,
    histogram: encodeCounts(Array.from({ length: 256 }, (_, c) => codes.filter((code) => code === c).length)),
    p01: Array.from(asymmetricFlips(p01, p10, 8).p01),
    p10: Array.from(asymmetricFlips(p01, p10, 8).p10),
    meanSquareStep: 1,
    stepSensitivity: 1 + t,
    squaredNorm: null,
    relativeError: null,
    sampleContrastNorms: null,
  })),
  logits: null,
  data: null,
};

const memory: BrowserMemory = {
  codes: stored.map((codes, t) => ({
    input: `codes${t}`,
    type: t === 0 ? "int8" : "uint8",
    dims: [4, codes.length / 4],
    bytes: Buffer.from(codes).toString("base64"),
  })),
  samples: { input: "x", count: 1, dims: [1] },
  output: { name: "y", classes: 3 },
  labels: [],
};

const plans: PlanChoice[] = [
  { policy: "tac", budget: 0 },
  { policy: "tac", budget: 0.3 },
  { policy: "uniform-msp", budget: 0.4 },
  { policy: "tac", budget: 1 },
];

describe("openChips", () => {
  const network = openNetwork(snapshot);
  const open = () => openChips(memory, network, plans, 11);
  const byte = (codes: ArrayLike<number>, i: number) => codes[i]! & 255;

  it("reads the clean memory as it is stored, signed where the model takes signed codes", () => {
    const { clean } = open();
    expect(clean.map(({ input, type, dims }) => ({ input, type, dims }))).toEqual([
      { input: "codes0", type: "int8", dims: [4, 10] },
      { input: "codes1", type: "uint8", dims: [4, 6] },
    ]);
    expect(clean[0]!.codes).toEqual(Int8Array.from(stored[0]!));
    expect(clean[1]!.codes).toEqual(stored[1]);
  });

  it("reads a chip's faults wherever no plan protects a bit: the same faults under every plan", () => {
    const faults = openFaults(
      stored.map((codes) => ({ codes, bits: 8 })),
      network.memory.map(({ flips }) => flips),
      usualFaults,
      11,
    );
    const chips = open();
    for (const chip of [0, 1, 7]) {
      const damage = faults.draw({ trial: chip, read: 0 });
      for (const [p, received] of chips.read(chip).entries()) {
        const { segments } = spendBudget(network, plans[p]!.policy, plans[p]!.budget);
        stored.forEach((codes, t) => {
          expect(received[t]).toMatchObject({
            input: `codes${t}`,
            type: memory.codes[t]!.type,
            dims: memory.codes[t]!.dims,
          });
          expect(received[t]!.codes.constructor).toBe(t === 0 ? Int8Array : Uint8Array);
          for (const { start, count, protectedMask } of segments[t]!) {
            for (let i = start; i < start + count; i++) {
              const flipped = damage[t]!.patterns[i]! & ~protectedMask;
              expect(byte(received[t]!.codes, i)).toBe(codes[i]! ^ flipped);
            }
          }
        });
      }
    }
  });

  it("reads other chips differently, and a memory that is protected whole as it is stored", () => {
    const chips = open();
    const [first, second] = [chips.read(0), chips.read(1)];
    expect(first[0]).not.toEqual(second[0]);
    expect(first[3]).toEqual(chips.clean);
  });
});

describe("shareRight", () => {
  const judge = (outputs: number[], labels: number[]) =>
    shareRight(outputs, { output: memory.output, labels });

  it("counts the samples whose largest output is their label, the first of equal ones", () => {
    expect(judge([1, 3, 2, 9, 8, 7, 0, 0, 5], [1, 0, 2])).toBe(1);
    expect(judge([1, 3, 2, 9, 8, 7, 0, 0, 5], [2, 0, 1])).toBeCloseTo(1 / 3, 15);
    expect(judge([4, 4, 1, 0, 6, 6], [0, 1])).toBe(1);
    expect(judge([4, 4, 1, 0, 6, 6], [1, 2])).toBe(0);
    expect(judge([-3, -2, -1], [2])).toBe(1);
  });

  it("counts an output that is not finite as wrong, wherever it stands", () => {
    for (let place = 0; place < 3; place++) {
      for (const broken of [Number.NaN, Infinity, -Infinity]) {
        const outputs = [5, 1, 1, 5, 1, 1];
        outputs[place] = broken;
        expect(judge(outputs, [broken === Infinity ? place : 0, 0])).toBe(0.5);
      }
    }
  });
});
