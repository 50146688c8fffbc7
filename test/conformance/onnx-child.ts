/** @file Runs a range of the ONNX project's tests in a process of its own: node onnx-child.ts <list> <from> <to>. */
import { readFileSync } from "node:fs";
import { tellParent } from "../support/supervise.ts";
import { runCase, type CaseResult } from "./onnx-case.ts";

/** What came of a test. */
export interface CaseMessage {
  readonly index: number;
  readonly result: CaseResult;
}

const [list, from, to] = process.argv.slice(2);
const paths = readFileSync(list!, "utf8").split("\n");
for (let index = Number(from); index < Number(to); index++) {
  tellParent({ start: index });
  tellParent({ index, result: await runCase(paths[index]!) } satisfies CaseMessage);
}
