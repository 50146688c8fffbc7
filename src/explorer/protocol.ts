/** @file What the page and its server say to each other, as JSON. */

/** Work under way, in words and numbers. */
export interface Work {
  readonly stage: string;
  readonly done: number;
  readonly total: number;
}

/** What the server was started with, and how far it is with it. */
export interface About {
  /** Version of qtaml. */
  readonly version: string;
  /** File name of the model. */
  readonly model: string;
  readonly state: "opening" | "ready" | "failed";
  /** While it opens. */
  readonly work: Work | null;
  /** Why it failed, in a sentence. */
  readonly message: string | null;
  readonly warnings: readonly string[];
}

/** An answer that is an error. */
export interface Refusal {
  readonly code: string;
  /** What is wrong and what to do, in a sentence. */
  readonly message: string;
}

/** Name of the page's `meta` element with the token, and of the header that brings it back. */
export const tokenName = "qtaml-token";
