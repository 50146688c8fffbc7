/** @file What takes longer than a slider allows is worked out here, beside the page. */
import { thicknessPicture } from "../../src/report/collect.ts";
import { deviceOf } from "./device-state.ts";
import { lawOf } from "./law.ts";
import type { Answer, Question } from "./worker-types.ts";

function answer(question: Question): unknown {
  switch (question.kind) {
    case "thickness":
      return thicknessPicture(deviceOf(question.settings), question.points);
    case "law":
      return lawOf(question.settings);
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
