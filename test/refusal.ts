/** @file What is refused, for tests of refusals. */
import { QtamlError } from "../src/errors.ts";

/** What an action returns or throws. */
export function attempt(action: () => unknown): unknown {
  try {
    return action();
  } catch (error) {
    return error;
  }
}

/** The error that an action throws. @throws Error where it throws none, or another one */
export function refusal(action: () => unknown): QtamlError {
  const outcome = attempt(action);
  if (outcome instanceof QtamlError) return outcome;
  throw new Error("nothing was refused, or not by a QtamlError", { cause: outcome });
}

/** The code of the error that an action throws; another error as it is, and words where there is none. */
export function refusalCode(action: () => unknown): unknown {
  try {
    action();
  } catch (error) {
    return error instanceof QtamlError ? error.code : error;
  }
  return "nothing thrown";
}
