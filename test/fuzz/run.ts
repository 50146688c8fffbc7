/** @file One mutant through one target: made from its address, judged by what comes out. */
import { QtamlError } from "../../src/errors.ts";
import type { Mutator } from "./bytes.ts";
import { makeRandom } from "./random.ts";

/** Something that takes a file from outside. */
export interface Target {
  readonly name: string;
  /** Valid files. Small ones, so that mutations strike structure rather than weights. */
  readonly seeds: () => readonly Uint8Array[];
  readonly mutators: readonly Mutator[];
  /** Does what a command does with the file. */
  readonly run: (bytes: Uint8Array) => unknown;
}

/** What became of a mutant. */
export type Outcome =
  | { readonly kind: "result" }
  | { readonly kind: "error"; readonly code: string }
  | { readonly kind: "finding"; readonly what: string; readonly account: string };

/** The mutant at an address: the same one whenever it is asked for. */
export function makeMutant(target: Target, number: number, seed: number, index: number): Uint8Array {
  const random = makeRandom(seed, number, index);
  const seeds = target.seeds();
  let bytes: Uint8Array = random.pick(seeds);
  for (let k = random.chance(0.25) ? 2 : 1; k > 0; k--) {
    try {
      bytes = random.pick(target.mutators)(bytes, random, seeds);
    } catch {
      // A mutator that needs a well-formed file met one that was damaged already.
    }
  }
  return bytes;
}

/** Name and place of an error, for telling findings apart. */
function label(error: unknown): { what: string; account: string } {
  if (!(error instanceof Error)) return { what: String(error), account: String(error) };
  const account = error.stack ?? error.message;
  const frame = account.split("\n").find((line) => line.includes("/src/")) ?? account.split("\n")[1] ?? "";
  const place = /src\/[\w/.-]+:\d+/.exec(frame)?.[0] ?? frame.trim();
  return { what: `${error.name}: ${error.message.slice(0, 120)} at ${place}`, account };
}

/** One sentence that names the thing and the remedy: on one line, ended, and not a novel. */
function isClear(message: string): boolean {
  return message.length > 10 && message.length < 2_000 && !/\p{Cc}/u.test(message) && /[.?)]$/.test(message);
}

/** Runs a target on a file. */
export async function judge(target: Target, bytes: Uint8Array): Promise<Outcome> {
  try {
    await target.run(bytes);
    return { kind: "result" };
  } catch (error) {
    if (!(error instanceof QtamlError)) return { kind: "finding", ...label(error) };
    if (isClear(error.message)) return { kind: "error", code: error.code };
    return {
      kind: "finding",
      what: `unclear message: ${label(error).what}`,
      account: JSON.stringify(error.message.slice(0, 400)),
    };
  }
}
