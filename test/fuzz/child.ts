/**
 * @file Runs a range of mutants in a process of its own, under the limits that its parent set. Says before each one
 * which it is, so that the parent knows what killed it.
 *
 * Usage: node child.ts <target> <seed> <from> <to>
 */
import { writeSync } from "node:fs";
import { judge, makeMutant } from "./run.ts";
import { targets } from "./targets.ts";

/** What a child writes to descriptor 3, one JSON value a line. */
export type Message =
  | { readonly start: number }
  | { readonly finding: { readonly index: number; readonly what: string; readonly account: string } }
  | { readonly done: Readonly<Record<string, number>>; readonly slowestMs: number; readonly peakMb: number };

/** A mutant that takes longer is a finding. Generous, because other work shares the machine. */
const slowMs = 5_000;

const say = (message: Message) => writeSync(3, `${JSON.stringify(message)}\n`);

const [name, seedText, fromText, toText] = process.argv.slice(2);
const number = targets.findIndex((t) => t.name === name);
const target = targets[number]!;
const [seed, from, to] = [seedText, fromText, toText].map(Number) as [number, number, number];

const counts: Record<string, number> = {};
let slowestMs = 0;
for (let index = from; index < to; index++) {
  say({ start: index });
  const bytes = makeMutant(target, number, seed, index);
  const started = performance.now();
  const outcome = await judge(target, bytes);
  const took = performance.now() - started;
  slowestMs = Math.max(slowestMs, took);
  const kind = outcome.kind === "error" ? outcome.code : outcome.kind;
  counts[kind] = (counts[kind] ?? 0) + 1;
  if (outcome.kind === "finding") say({ finding: { index, what: outcome.what, account: outcome.account } });
  else if (took > slowMs)
    say({ finding: { index, what: `slow: ${(took / 1000).toFixed(1)} s`, account: outcome.kind } });
}
say({ done: counts, slowestMs, peakMb: process.resourceUsage().maxRSS / 1024 });
