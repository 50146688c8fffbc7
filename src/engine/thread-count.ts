/** @file How many threads work on this machine. */
import { availableParallelism } from "node:os";

/** Most threads for each core: more gain nothing, and each holds the network. */
const mostForACore = 4;

/** Worker threads to start: as many as asked for, within reason. @param asked as many as there are cores unless given */
export function threadCount(asked = availableParallelism()): number {
  return Math.min(asked, mostForACore * availableParallelism());
}
