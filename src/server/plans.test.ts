import { expect, it } from "vitest";
import { fixtureBytes } from "../../test/build-model.ts";
import { noiseImages } from "../../test/trials.ts";
import { assess } from "../assessment/index.ts";
import { symmetricFlips } from "../channel/index.ts";
import type { PlanChoice } from "../explorer/index.ts";
import { Campaigns } from "./campaigns.ts";
import { planOf } from "./plans.ts";

it("hands out the plans that a campaign of any seed tries", async () => {
  const data = noiseImages(4, 21);
  const flips = (bits: number) => symmetricFlips(0.1, bits);
  const assessment = await assess({ name: "lenet.onnx", bytes: fixtureBytes("lenet") }, { flips });
  const opened = { assessment, data, warnings: [], harden: () => new Uint8Array() };
  const plans: PlanChoice[] = [
    { policy: "random", budget: 0.2 },
    { policy: "magnitude", budget: 0.2 },
  ];
  const campaigns = new Campaigns({ threads: 1 });
  campaigns.start({ plans, keep: 0.9, chips: 2, untilSettled: false, seed: 5, flips: null }, opened);
  const watcher = campaigns.topic.watch();
  while (!["ended", "failed"].includes(campaigns.topic.value.stage)) await watcher.next(60_000);
  expect(campaigns.topic.value.stage).toBe("ended");
  expect(campaigns.kept!.plans).toEqual(
    await Promise.all(plans.map((plan) => planOf(opened, { ...plan, flips: null }))),
  );
  await campaigns.close();
});
