/**
 * @file Feeds damaged files to everything that reads one. Every mutant must end in a result or in a `QtamlError`
 * with a clear sentence, within a limit of time and memory. A mutant is named by (seed, target, index) and made
 * again from that name.
 *
 * Usage: npm run fuzz -- [--mutants 100000] [--seed 1] [--target model] [--only 123 [--save file]]
 */
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { superviseRange } from "../support/supervise.ts";
import type { Message } from "./child.ts";
import { judge, makeMutant } from "./run.ts";
import { targets } from "./targets.ts";

/** A mutant that ended otherwise than in a result or a clear error. */
export interface Finding {
  readonly target: string;
  readonly seed: number;
  readonly index: number;
  readonly what: string;
  readonly account: string;
}

/** What became of the mutants of one target. */
export interface Tally {
  readonly target: string;
  readonly mutants: number;
  readonly outcomes: Readonly<Record<string, number>>;
  readonly slowestMs: number;
  readonly peakMb: number;
}

/** What a run found. */
export interface FuzzReport {
  readonly tallies: readonly Tally[];
  readonly findings: readonly Finding[];
}

const childPath = fileURLToPath(new URL("child.ts", import.meta.url));

async function fuzzTarget(target: string, seed: number, mutants: number): Promise<[Tally, Finding[]]> {
  const outcomes: Record<string, number> = {};
  const findings: Finding[] = [];
  const count = (kind: string, by = 1) => (outcomes[kind] = (outcomes[kind] ?? 0) + by);
  let slowestMs = 0;
  let peakMb = 0;
  await superviseRange<Message>({
    script: childPath,
    args: [target, String(seed)],
    cases: mutants,
    onMessage(message) {
      if ("finding" in message) findings.push({ target, seed, ...message.finding });
      else {
        slowestMs = Math.max(slowestMs, message.slowestMs);
        peakMb = Math.max(peakMb, message.peakMb);
        for (const [kind, by] of Object.entries(message.outcomes)) count(kind, by);
      }
    },
    onDeath(index, account) {
      findings.push({ target, seed, index, what: account.split("\n")[0]!, account });
      count("finding");
    },
  });
  return [{ target, mutants, outcomes, slowestMs, peakMb }, findings];
}

/**
 * Fuzzes every target, or the named one; two at a time.
 *
 * @param mutants how many in all, divided among the targets
 */
export async function fuzz(mutants: number, seed: number, only?: string): Promise<FuzzReport> {
  const chosen = targets.filter((t) => only === undefined || t.name === only);
  const share = Math.ceil(mutants / chosen.length);
  const queue = chosen.map((t) => t.name);
  const tallies: Tally[] = [];
  const findings: Finding[] = [];
  const worker = async () => {
    for (let name = queue.shift(); name !== undefined; name = queue.shift()) {
      const [tally, found] = await fuzzTarget(name, seed, share);
      tallies.push(tally);
      findings.push(...found);
    }
  };
  await Promise.all([worker(), worker()]);
  return { tallies, findings };
}

/** One line a target, then each kind of finding once with the first mutant that shows it. */
export function fuzzAccount(report: FuzzReport): string {
  const lines = report.tallies.map(({ target, mutants, outcomes, slowestMs, peakMb }) => {
    const kinds = Object.entries(outcomes).map(([kind, count]) => `${kind} ${count}`);
    return `${target.padEnd(12)} ${mutants} mutants: ${kinds.join(", ")}; slowest ${slowestMs.toFixed(0)} ms, peak ${peakMb.toFixed(0)} MB`;
  });
  const kinds = Map.groupBy(report.findings, (f) => `${f.target}: ${f.what.replace(/\d+/g, "#")}`);
  for (const list of kinds.values()) {
    const { target, seed, index, what, account } = list[0]!;
    lines.push(
      `\n${list.length} x ${what}\n  --target ${target} --seed ${seed} --only ${index}\n${account.replace(/^/gm, "    ")}`,
    );
  }
  return lines.join("\n");
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({
    options: {
      mutants: { type: "string", default: "100000" },
      seed: { type: "string", default: "1" },
      target: { type: "string" },
      only: { type: "string" },
      save: { type: "string" },
    },
  });
  const seed = Number(values.seed);
  if (values.only === undefined) {
    const report = await fuzz(Number(values.mutants), seed, values.target);
    process.stdout.write(`${fuzzAccount(report)}\n`);
    process.exitCode = report.findings.length === 0 ? 0 : 1;
  } else {
    const number = targets.findIndex((t) => t.name === values.target);
    const mutant = makeMutant(targets[number]!, number, seed, Number(values.only));
    if (values.save !== undefined) writeFileSync(values.save, mutant);
    const outcome = await judge(targets[number]!, mutant);
    process.stdout.write(
      `${mutant.byteLength} bytes\n${JSON.stringify(outcome, null, 2).replaceAll("\\n", "\n")}\n`,
    );
  }
}
