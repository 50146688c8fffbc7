import { expect, it } from "vitest";
import { fixtureBytes } from "../../test/build-model.ts";
import { noiseImages } from "../../test/trials.ts";
import { assess } from "../assessment/assess.ts";
import { symmetricFlips } from "../channel/index.ts";
import type { ChipResults, Simulation } from "../simulation/index.ts";
import { planCodesToKeep } from "./coded-plan.ts";

/** Chips that are good where the plan spends at least so much parity. */
function chipsThatNeed(parity: number): Simulation {
  let spent = 0;
  const simulation = {
    measure: { name: "top1" },
    clean: 1,
    samples: 8,
    seed: 0,
    goal: () => ({ target: 0.9, higherIsBetter: true, range: [0, 1] }) as const,
    run: (_: unknown, chips: number) =>
      Promise.resolve([
        {
          scores: Array.from({ length: chips }, () => (spent >= parity ? 1 : 0)),
          nonFinite: Array.from({ length: chips }, () => 0),
        } as unknown as ChipResults,
      ]),
    under: (plan: { readonly overhead: number }) => {
      spent = plan.overhead;
      return Promise.resolve(simulation);
    },
    close: () => Promise.resolve(),
  } as unknown as Simulation;
  return simulation;
}

it.each([
  [0.124, true],
  [0.125, true],
  [0.13, false],
])("codes that have to hold nearly every bit are found: parity %d of 0.125", async (needed, isFound) => {
  const lenet = { name: "lenet.onnx", bytes: fixtureBytes("lenet") };
  const flips = (bits: number) => symmetricFlips(0.001, bits);
  const assessment = await assess(lenet, { flips, calibration: noiseImages(4, 3) });
  const request = { codes: ["secded(72,64)"], keep: 0.95, chips: 2 };
  const plan = await planCodesToKeep(assessment, chipsThatNeed(needed), request);
  expect((plan?.overhead ?? 0) >= needed).toBe(isFound);
  expect(plan !== undefined).toBe(isFound);
});
