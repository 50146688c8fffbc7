import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { assess, inspect, predict, predictKept, type Assessment } from "../assessment/index.ts";
import { asymmetricFlips } from "../channel/index.ts";
import { readDataset } from "../data/index.ts";
import { allocator, segmentsOf, storedBits } from "../protect/index.ts";
import { snapshotOf } from "../server/snapshot.ts";
import {
  codeCost,
  decodeCounts,
  encodeCounts,
  keptBy,
  keptCurves,
  layerRows,
  openNetwork,
  policiesOf,
  predictionCost,
  spendBudget,
  type NetworkSnapshot,
} from "./index.ts";

const zoo = join(import.meta.dirname, "../../zoo");

async function assessLenet(p01: number, p10: number, isMeasured = true): Promise<Assessment> {
  const { dataset } = await readDataset({
    data: [join(zoo, "fashion-mnist-calibration-256.npz")],
    limit: 16,
  });
  return assess(
    { name: "lenet.onnx", bytes: readFileSync(join(zoo, "lenet.onnx")) },
    {
      flips: (bits) => asymmetricFlips(p01, p10, bits),
      ...(isMeasured ? { calibration: dataset, jacobian: { threads: 1 } } : {}),
    },
  );
}

/** As the page gets it. */
const sent = (assessment: Assessment) =>
  JSON.parse(JSON.stringify(snapshotOf({ assessment, data: undefined, warnings: [] }))) as NetworkSnapshot;

let assessment: Assessment;
let snapshot: NetworkSnapshot;

beforeAll(async () => {
  assessment = await assessLenet(0.1, 0.1);
  snapshot = sent(assessment);
});

describe("the page's network", () => {
  it("predicts what the command line predicts, bit for bit", () => {
    const network = openNetwork(snapshot);
    for (const policy of ["tac", "uniform-msp", "magnitude"] as const) {
      for (const budget of [0, 0.07, 0.2, 0.35, 1]) {
        const { tensors } = allocator(policy, assessment.memory).allocate(budget);
        const segments = assessment.memory.map((t, i) => segmentsOf(t, tensors[i]!, "none"));
        const spending = spendBudget(network, policy, budget);
        expect(spending.allocation.tensors).toEqual(tensors);
        expect(keptBy(network, spending)).toBe(predictKept(assessment, segments));
      }
    }
  });

  it("knows the tensors as qtaml inspect knows them", () => {
    const rows = inspect(assessment);
    layerRows(openNetwork(snapshot)).forEach((row, t) => {
      expect(row.score).toBe(rows[t]!.score);
      expect(row.sensitivity).toBe(rows[t]!.jacobianMeanSquare);
      expect(row.deviation).toBeCloseTo(Math.sqrt(rows[t]!.variance), 10);
    });
  });

  it("takes other flip probabilities as if it had been started with them", async () => {
    const other = sent(await assessLenet(0.02, 0.05));
    const [moved, started] = [openNetwork(snapshot, { p01: 0.02, p10: 0.05 }), openNetwork(other)];
    for (const budget of [0, 0.1]) {
      const spent = spendBudget(moved, "tac", budget);
      expect(spent.shares).toEqual(spendBudget(started, "tac", budget).shares);
      expect(spent.noise).toEqual(spendBudget(started, "tac", budget).noise);
    }
  });

  it("finds the least budgets that the command line finds", () => {
    const { least, curves } = keptCurves(openNetwork(snapshot), 0.9, ["tac", "uniform-msp"]);
    expect(least).toEqual(predict(assessment, 0.9).overhead);
    for (const { policy, overhead, kept } of curves) {
      const next = overhead.findIndex((o) => o >= least[policy]!);
      expect(kept[next]).toBeGreaterThanOrEqual(0.9);
      expect(kept[next - 1]).toBeLessThan(0.9);
    }
  });

  it("gains nothing at random while the low bit planes of the largest tensor are filled", () => {
    const network = openNetwork(snapshot);
    const spent = [0.3, 0.39, 0.5].map((budget) => spendBudget(network, "random", budget));
    const largest = network.memory.findIndex(({ count }) => count === 48_000);
    // From 30 to 50 % of the bits go to two planes of the tensor that holds most weights, worth 1 and 2 steps.
    const filled = spent.map(({ shares }) => shares[largest]!.slice(0, 2).reduce((a, b) => a + b, 0));
    expect(filled[0]).toBeLessThan(0.1);
    expect(filled[2]).toBeGreaterThan(1.8);
    const [first, middle, last] = spent.map((own) => keptBy(network, own)!);
    expect(Math.abs(middle! - first!)).toBeLessThan(0.01);
    expect(Math.abs(last! - first!)).toBeLessThan(0.01);
  });

  it("counts the shares of bits that it protects", () => {
    const network = openNetwork(snapshot);
    const { shares, allocation } = spendBudget(network, "tac", 0.123);
    const bits = shares.reduce(
      (sum, own, t) => sum + own.reduce((a, b) => a + b, 0) * network.memory[t]!.count,
      0,
    );
    expect(bits).toBeCloseTo(allocation.protectedBits, 6);
    expect(allocation.protectedBits).toBe(Math.floor(0.123 * allocation.storedBits));
  });

  it("offers no TAC and predicts nothing without inputs", async () => {
    const network = openNetwork(sent(await assessLenet(0.1, 0.1, false)));
    expect(policiesOf(network)).toEqual(["uniform-msp", "magnitude", "random"]);
    const spending = spendBudget(network, "magnitude", 0.2);
    expect(spending.noise).toBeUndefined();
    expect(keptBy(network, spending)).toBeUndefined();
    expect(layerRows(network)[0]).toMatchObject({ score: undefined, sensitivity: undefined });
  });

  it("offers every policy where the Jacobian is known, and says how many logits a prediction draws", () => {
    const network = openNetwork(snapshot);
    expect(policiesOf(network)).toEqual(["tac", "uniform-msp", "magnitude", "random"]);
    expect(predictionCost(network)).toBe(network.classifier!.clean.confidences.length);
    expect(predictionCost(network)).toBeGreaterThan(0);
  });

  it("predicts no answer where one tensor is not measured or the logits are no answers", () => {
    const lacking = (missing: object) => ({
      ...snapshot,
      tensors: snapshot.tensors.map((tensor, t) => (t === 1 ? { ...tensor, ...missing } : tensor)),
    });
    for (const other of [
      { ...snapshot, logits: null },
      lacking({ squaredNorm: null }),
      lacking({ sampleContrastNorms: null }),
    ]) {
      const network = openNetwork(other);
      expect(network.classifier).toBeUndefined();
      expect(predictionCost(network)).toBe(0);
      expect(keptCurves(network, 0.9, ["tac"])).toEqual({ curves: [], least: {}, keep: 0.9 });
    }
  });

  it("offers no TAC and no scores where one tensor is not measured", () => {
    const tensors = snapshot.tensors.map((tensor, t) =>
      t === 1 ? { ...tensor, stepSensitivity: null } : tensor,
    );
    const network = openNetwork({ ...snapshot, tensors });
    expect(policiesOf(network)).toEqual(["uniform-msp", "magnitude", "random"]);
    expect(layerRows(network)[0]!.score).toBeUndefined();
    expect(layerRows(openNetwork(snapshot))[0]!.score).toBeGreaterThan(0);
  });

  it("gives every tensor its own flip probabilities, and one law to those that are alike", () => {
    const [own, rest] = [{ p01: Array<number>(8).fill(0.3), p10: Array<number>(8).fill(0.2) }, 0.1];
    const tensors = snapshot.tensors.map((tensor, t) => (t === 1 ? { ...tensor, ...own } : tensor));
    const { memory } = openNetwork({ ...snapshot, tensors });
    memory.forEach(({ flips }, t) => {
      expect(Array.from(flips.p01)).toEqual(Array(flips.p01.length).fill(t === 1 ? 0.3 : rest));
      expect(Array.from(flips.p10)).toEqual(Array(flips.p10.length).fill(t === 1 ? 0.2 : rest));
    });
    expect(memory[2]!.flips).toBe(memory[0]!.flips);
  });

  it("holds no weight: a permutation of the weights gives the same snapshot", () => {
    const first = assessment.tensors[0]!;
    const turned = { ...first, codes: first.codes.toReversed() };
    const changed = { ...assessment, tensors: [turned, ...assessment.tensors.slice(1)] };
    expect(sent(changed as Assessment)).toEqual(snapshot);
  });
});

describe("codeCost", () => {
  it("counts the check bits of whole words", () => {
    const network = openNetwork(snapshot, { p01: 1e-4, p10: 1e-4 });
    expect(codeCost(network, "secded(72,64)", 64).parityBits).toBe(8);
    expect(codeCost(network, "secded(72,64)", 65).parityBits).toBe(16);
    expect(codeCost(network, "repetition(3)", 100).parityBits).toBe(200);
    expect(codeCost(network, "repetition(3)", 100).parityOverhead).toBe(200 / storedBits(network.memory));
    expect(codeCost(network, "none", 100)).toMatchObject({ parityBits: 0, residual: 0 });
    expect(codeCost(network, "none", 100).raw).toBeCloseTo(1e-4, 12);
  });

  it("leaves of three copies what a majority of three leaves: 3 p² - 2 p³", () => {
    for (const p of [0.1, 1e-3]) {
      const { residual } = codeCost(openNetwork(snapshot, { p01: p, p10: p }), "repetition(3)", 8);
      expect(residual).toBeCloseTo(3 * p ** 2 - 2 * p ** 3, 12);
    }
  });
});

it("sends counts as text and gets them back", () => {
  const counts = [0, 1, 255, 256, 0, 65_536, 4_294_967_295, 0];
  expect(Array.from(decodeCounts(encodeCounts(counts), 8))).toEqual(counts);
  const many = Array.from({ length: 65_536 }, (_, i) => i * 7);
  expect(Array.from(decodeCounts(encodeCounts(many), 65_536))).toEqual(many);
  expect(encodeCounts(new Float64Array(65_536)).length).toBe(0);
});
