/**
 * @file The one error class of qtaml. A `QtamlError` is something the user can mend: its message is one sentence
 * that names the thing and the remedy. Everything else that is thrown is a defect of qtaml itself.
 */

/** What went wrong, for programs. */
export type QtamlErrorCode =
  /** A flag, a number or a setting outside its domain. */
  | "invalid-argument"
  /** A file that is missing or cannot be read or written. */
  | "file-access"
  /** A file whose content is damaged or not of the stated kind. */
  | "invalid-file"
  /** A file that is well formed but does not agree with its schema. */
  | "invalid-schema"
  /** A model that qtaml or the runtime cannot work with. */
  | "unsupported-model"
  /** Data that does not fit the model. */
  | "data-mismatch"
  /** A plan that was made for another model or memory. */
  | "plan-mismatch"
  /** A stored campaign that is another one than was asked for. */
  | "campaign-mismatch"
  /** The runtime refused a model or stopped in the middle of a run. */
  | "runtime-failure"
  /** Weights or results that are NaN or infinite where finite numbers are needed. */
  | "non-finite"
  /** Stopped on request. */
  | "aborted";

/** Longest sentence: names out of damaged files can be as long as the file. */
const longestMessage = 800;

/** One line that a terminal shows as it is: names come from files, and may hold anything. */
function oneLine(text: string): string {
  const plain = text.replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]+/gu, "\u{fffd}");
  if (plain.length <= longestMessage) return plain;
  return `${plain.slice(0, longestMessage / 2)} ... ${plain.slice(-longestMessage / 2)}`;
}

/**
 * An error with a code, a sentence for the user and, where there is one, the underlying cause. Control characters in
 * the sentence are replaced and its middle is left out where it is very long.
 */
export class QtamlError extends Error {
  readonly code: QtamlErrorCode;

  constructor(code: QtamlErrorCode, message: string, options?: ErrorOptions) {
    super(oneLine(message), options);
    this.name = "QtamlError";
    this.code = code;
  }
}
