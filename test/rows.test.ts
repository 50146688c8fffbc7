/**
 * @file Pages that take hours are not made again here, but rows of them are: predictions, which draw no fault, and the
 * same chips. What another processor adds in another order may turn the answer of some samples, no more.
 */
import { beforeAll, describe, expect, it } from "vitest";
import { distortions } from "../bench/beyond/page.ts";
import { chargeLoss, measureCorrection } from "../reproduce/correction-cases.ts";
import { keeps, seed, subjects, type Subject } from "../reproduce/cases.ts";
import { assessSubject, dataOf } from "../reproduce/network.ts";
import { makePlan, predictByGaussian, simulatePlan } from "../src/planning/index.ts";
import type { Plan } from "../src/protect/index.ts";
import { openSimulation, type Simulation } from "../src/simulation/index.ts";
import { predict, type Assessment } from "../src/assessment/index.ts";
import { documentText, rowOf } from "./documents.ts";

/** Points by which a mean over chips may be off: twenty answers of ten thousand, and the digit that is printed. */
const points = 0.25;

/** The numbers of a cell: a value, and the ends of its interval where it has one. */
const numbers = (cell: string | undefined) => (cell?.match(/[-+]?\d+(?:\.\d+)?/g) ?? []).map(Number);

/** By how much a number is off from what a cell prints first. */
const off = (value: number, cell: string | undefined) => Math.abs(value - (numbers(cell)[0] ?? NaN));

/** By how much a number lies outside the interval that a cell prints. */
function outside(value: number, cell: string | undefined): number {
  const [, low = NaN, high = NaN] = numbers(cell);
  return Math.max(low - value, value - high, 0);
}

describe("lenet at p = 0.1", { timeout: 600_000 }, () => {
  const subject: Subject = subjects[0]!;
  let assessment: Assessment;
  let simulation: Simulation;

  beforeAll(async () => {
    const { test, calibration } = await dataOf(subject);
    assessment = await assessSubject(subject, subject.p, calibration);
    simulation = await openSimulation(assessment, test, { seed, threads: 1 });
    return () => simulation.close();
  }, 600_000);

  const planOf = (policy: "none" | "tac" | "joint", overhead: number) =>
    makePlan(assessment, { policy, overhead });

  /** Per cent of the clean accuracy that chips keep under a plan. */
  async function keptUnder(plan: Plan): Promise<number> {
    const { accuracy } = await simulatePlan(simulation, plan, simulation.goal(keeps[0]), subject.chips);
    return (100 * accuracy) / simulation.clean;
  }

  const kept = async (...plan: Parameters<typeof planOf>) => keptUnder(await planOf(...plan));

  it("is predicted as docs/results.md says, or npm run reproduce makes it anew", async () => {
    const page = documentText("docs/results.md");
    const headline = rowOf(page, "The headline", "`lenet`", "0.1");
    const swept = rowOf(page, "From p = 0.0001 to 0.2", "`lenet`", "0.1");
    const gaussian = await predictByGaussian(assessment, { keep: keeps[0], seed, draws: subject.draws });
    expect(off(100 * gaussian["uniform-msp"], swept["Uniform-MSP predicted"])).toBeLessThan(points);
    expect(off(100 * gaussian.tac, swept["TAC predicted"])).toBeLessThan(points);
    const { saturationRatio } = predict(assessment, keeps[0]);
    // A ratio is printed with two digits.
    expect(off(saturationRatio, headline["predicted, closed form"])).toBeLessThan(0.06);
  });

  it("keeps on its chips what docs/results.md says, or npm run reproduce makes it anew", async () => {
    const page = documentText("docs/results.md");
    const headline = rowOf(page, "The headline", "`lenet`", "0.1");
    expect(off(100 * simulation.clean, headline["clean"])).toBeLessThan(points);
    expect(off(await kept("none", 0), rowOf(page, "All policies", "`lenet`")["kept, none"])).toBeLessThan(
      points,
    );
    const parts = rowOf(page, "What each part brings", "`lenet`");
    const atTarget = await kept("tac", numbers(parts["overhead"])[0]! / 100);
    expect(outside(atTarget, parts["TAC"])).toBe(0);
  });

  it("keeps under a joint plan what docs/beyond.md says, or npm run bench:beyond makes it anew", async () => {
    const page = documentText("docs/beyond.md");
    const row = rowOf(page, "Biases of plans", "`lenet`");
    // Whether biases are shifted hangs on the digits of the overhead that are not printed.
    const plan = await planOf("joint", numbers(row["overhead"])[0]! / 100);
    expect(outside(await keptUnder({ ...plan, shifts: [] }), row["kept without"])).toBe(0);
    expect(off(await kept("none", 0), rowOf(page, "Nothing protected", "`lenet`")["plain"])).toBeLessThan(
      points,
    );
  });
});

describe("docs/beyond.md", () => {
  it("has the distortions of today's codebooks, or npm run bench:beyond makes it anew", () => {
    const page = documentText("docs/beyond.md").split("p = 0.1:\n")[1]!;
    const printed = Array.from(page.split("\np = ")[0]!.matchAll(/^\| (\d .*) \|$/gm), ([, row]) =>
      row!.split(" | "),
    );
    expect(printed).toEqual(distortions(0.1));
  });
});

describe("docs/correction.md", { timeout: 600_000 }, () => {
  it("has a row of today, or npm run reproduce:correction makes it anew", async () => {
    const own = chargeLoss.find(
      ({ subject, overhead }) => subject.name === "watch-lenet" && overhead === 0.2,
    )!;
    const row = rowOf(
      documentText("docs/correction.md"),
      "Cells that lose charge",
      "`watch-lenet`",
      own.memory,
    );
    const { stored, correctedGain, chosenGain } = await measureCorrection(own);
    expect(off(100 * stored.estimate, row["as stored"])).toBeLessThan(points);
    expect(off(100 * correctedGain.estimate, row["every tensor corrected"])).toBeLessThan(points);
    expect(off(100 * chosenGain.estimate, row["chosen"])).toBeLessThan(points);
  });
});
