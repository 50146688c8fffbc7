import { describe, expect, it } from "vitest";
import { trialContext } from "../../test/trials.ts";
import { openGradientLanes } from "./gradient-lanes.ts";
import { planGradients } from "./gradient-plan.ts";
import type { GradientJob } from "./gradient-run.ts";

async function outcomes(threads: number, jobs: readonly GradientJob[], spoil = false) {
  const { prepared, context } = await trialContext("lenet", { images: 5 });
  const plan = await planGradients(prepared.model, prepared.tensors, context.data, 1, 3);
  const adjoint = spoil ? plan.context.adjoint.slice(0, 100) : plan.context.adjoint;
  // Further threads from the start: no amount of work is too little.
  const lanes = await openGradientLanes({ ...plan.context, adjoint }, threads, -1);
  try {
    return await lanes.run(jobs);
  } finally {
    await lanes.close();
  }
}

describe("gradient jobs", () => {
  const exact = Array.from({ length: 5 }, (_, group): GradientJob => ({ group, probes: "exact" }));
  const probes = exact.map(({ group }): GradientJob => ({ group, probes: [0, 3] }));

  it("give the same to the last bit on one thread and on three", async () => {
    const jobs = [...exact, ...probes];
    expect(await outcomes(3, jobs)).toEqual(await outcomes(1, jobs));
  });

  it("draw the same probes in one round and in two", async () => {
    const whole = await outcomes(1, probes);
    const first = await outcomes(
      1,
      exact.map(({ group }) => ({ group, probes: [0, 2] })),
    );
    const second = await outcomes(
      1,
      exact.map(({ group }) => ({ group, probes: [2, 3] })),
    );
    whole.forEach((outcome, g) => {
      expect([...first[g]!.contrast, ...second[g]!.contrast]).toEqual(outcome.contrast);
      expect(second[g]!.common).toEqual([]);
    });
  });

  it("report what the runtime refuses", async () => {
    await expect(outcomes(1, exact, true)).rejects.toMatchObject({ code: "unsupported-model" });
  });
});
