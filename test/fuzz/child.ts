/**
 * @file Runs a range of mutants in a process of its own, under the limits that its parent set. Says before each one
 * which it is, so that the parent knows what killed it.
 *
 * Usage: node child.ts <target> <seed> <from> <to>
 */
import { tellParent } from "../support/supervise.ts";
import { judge, makeMutant } from "./run.ts";
import { targets } from "./targets.ts";

/** What a child says besides where it is. Outcomes are told after each mutant. */
export type Message =
  | { readonly finding: { readonly index: number; readonly what: string; readonly account: string } }
  | {
      readonly outcomes: Readonly<Record<string, number>>;
      readonly slowestMs: number;
      readonly peakMb: number;
    };

/** A mutant that takes more processor time is a finding. */
const slowMs = 5_000;

const say = (message: Message | { start: number }) => tellParent(message);

const [name, seedText, fromText, toText] = process.argv.slice(2);
const number = targets.findIndex((t) => t.name === name);
const target = targets[number]!;
const [seed, from, to] = [seedText, fromText, toText].map(Number) as [number, number, number];

let outcomes: Record<string, number> = {};
let slowestMs = 0;
const tellOutcomes = () => {
  say({ outcomes, slowestMs, peakMb: process.resourceUsage().maxRSS / 1024 });
  outcomes = {};
};
for (let index = from; index < to; index++) {
  say({ start: index });
  const bytes = makeMutant(target, number, seed, index);
  const started = process.cpuUsage();
  const outcome = await judge(target, bytes);
  const { user, system } = process.cpuUsage(started);
  const took = (user + system) / 1000;
  slowestMs = Math.max(slowestMs, took);
  const kind = outcome.kind === "error" ? outcome.code : outcome.kind;
  outcomes[kind] = (outcomes[kind] ?? 0) + 1;
  if (outcome.kind === "finding") say({ finding: { index, what: outcome.what, account: outcome.account } });
  else if (took > slowMs) {
    say({ finding: { index, what: `slow: ${(took / 1000).toFixed(1)} s`, account: outcome.kind } });
  }
  tellOutcomes();
}
