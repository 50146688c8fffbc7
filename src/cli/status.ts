/** @file Exit statuses. Loaded before the version of Node is known: what is written here must run on older ones, too. */
import { constants } from "node:os";

/** Exit status: done. */
export const exitDone = 0;
/** Exit status: the target was missed. */
export const exitMissed = 1;
/** Exit status: bad usage or input. */
export const exitBad = 2;
/** Exit status: a defect of qtaml itself (EX_SOFTWARE of sysexits.h), told apart from a missed target. */
export const exitDefect = 70;

/** Exit status of a command that ended cleanly at a signal, as shells count it: 130 for Ctrl-C. */
export function exitBySignal(signal: NodeJS.Signals): number {
  return 128 + constants.signals[signal];
}
