/** @file The model that the server was started with. */
import type { Assessment } from "../assessment/index.ts";
import type { Dataset } from "../data/index.ts";
import type { StartedMemory } from "../explorer/index.ts";

/** A model that was opened. */
export interface Opened {
  readonly assessment: Assessment;
  /** What chips are judged on; undefined without data. */
  readonly data: Dataset | undefined;
  readonly warnings: readonly string[];
}

/** How the server comes to its model. */
export interface ModelSource {
  /** File name, for the page. */
  readonly name: string;
  /** What holds its weights, known before it is opened. */
  readonly memory: StartedMemory;
  /** Reads and assesses it. */
  readonly open: (onProgress: (stage: string, done: number, total: number) => void) => Promise<Opened>;
}
