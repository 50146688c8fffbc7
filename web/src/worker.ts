/** @file What takes longer than a slider allows is worked out here, beside the page. */
import {
  keptBy,
  keptCurves,
  openNetwork,
  spendBudget,
  type FlipChoice,
  type Network,
  type NetworkSnapshot,
} from "../../src/explorer/index.ts";
import { thicknessPicture } from "../../src/report/collect.ts";
import { deviceOf } from "./device-settings.ts";
import { lawOf } from "./law.ts";
import type { Answer, Question } from "./worker-types.ts";

let snapshot: NetworkSnapshot | undefined;
let opened:
  | { readonly key: string; readonly snapshot: NetworkSnapshot; readonly network: Network }
  | undefined;

/** The network that the page sent, under flips; questions about the same one follow each other. */
function networkUnder(flips: FlipChoice | undefined): Network {
  if (snapshot === undefined) throw new Error("no network was sent");
  const key = JSON.stringify(flips ?? null);
  if (opened?.key !== key || opened.snapshot !== snapshot) {
    opened = { key, snapshot, network: openNetwork(snapshot, flips) };
  }
  return opened.network;
}

function answer(question: Question): unknown {
  switch (question.kind) {
    case "thickness":
      return thicknessPicture(deviceOf(question.settings), question.points);
    case "law":
      return lawOf(question.settings);
    case "network":
      snapshot = question.snapshot;
      return null;
    case "kept": {
      const network = networkUnder(question.flips);
      return keptBy(network, spendBudget(network, question.policy, question.overhead));
    }
    case "curves":
      return keptCurves(networkUnder(question.flips), question.keep, question.policies);
  }
}

addEventListener("message", ({ data }: MessageEvent<{ id: number; question: Question }>) => {
  try {
    postMessage({ id: data.id, value: answer(data.question) } satisfies Answer);
  } catch (error) {
    postMessage({
      id: data.id,
      message: error instanceof Error ? error.message : String(error),
    } satisfies Answer);
  }
});
