/**
 * @file Feeds damaged files to everything that reads one. Every mutant must end in a result or in a `QtamlError`
 * with a clear sentence, within a limit of time and memory. A mutant is named by (seed, target, index) and made
 * again from that name.
 *
 * Usage: npm run fuzz -- [--mutants 100000] [--seed 1] [--target model] [--only 123 [--save file]]
 */
import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import type { Message } from "./child.ts";
import { judge, makeMutant } from "./run.ts";
import { targets } from "./targets.ts";

/** Private memory a child may have, code and heap included; Node itself takes about 0.3 GB of it. */
const memoryKb = 2_000_000;
/** A child that says nothing for so long is ended: its mutant hangs. */
const silenceMs = 30_000;

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

/** Runs mutants until the end of the range or the end of the child; returns where to go on. */
function runChild(
  target: string,
  seed: number,
  from: number,
  to: number,
  onMessage: (message: Message) => void,
): Promise<{ readonly next: number; readonly death: string | undefined }> {
  return new Promise((resolve, reject) => {
    const node = [process.execPath, "--max-old-space-size=512", "--no-warnings", childPath];
    const args = [target, seed, from, to].map(String);
    const child = spawn(
      "sh",
      ["-c", `ulimit -d ${memoryKb} 2>/dev/null; exec "$@"`, "sh", ...node, ...args],
      {
        stdio: ["ignore", "ignore", "pipe", "pipe"],
      },
    );
    let current = from;
    let isDone = false;
    let isHung = false;
    let account = "";
    const end = () => {
      isHung = true;
      child.kill("SIGKILL");
    };
    let watchdog = setTimeout(end, silenceMs);
    child.stderr!.on("data", (chunk: Buffer) => {
      account = (account + chunk.toString()).slice(-2_000);
    });
    createInterface({ input: child.stdio[3] as Readable }).on("line", (line) => {
      clearTimeout(watchdog);
      watchdog = setTimeout(end, silenceMs);
      const message = JSON.parse(line) as Message;
      if ("start" in message) current = message.start;
      else onMessage(message);
      isDone ||= "done" in message;
    });
    child.on("error", reject);
    child.on("close", (status, signal) => {
      clearTimeout(watchdog);
      if (isDone) resolve({ next: to, death: undefined });
      else {
        const how = isHung ? `hang: over ${silenceMs / 1000} s` : `crash: ${signal ?? `status ${status}`}`;
        resolve({ next: current + 1, death: `${how}\n${account}` });
      }
    });
  });
}

async function fuzzTarget(target: string, seed: number, mutants: number): Promise<[Tally, Finding[]]> {
  const outcomes: Record<string, number> = {};
  const findings: Finding[] = [];
  let slowestMs = 0;
  let peakMb = 0;
  let from = 0;
  while (from < mutants) {
    const started = from;
    const { next, death } = await runChild(target, seed, from, mutants, (message) => {
      if ("finding" in message) findings.push({ target, seed, ...message.finding });
      if ("done" in message) {
        slowestMs = Math.max(slowestMs, message.slowestMs);
        peakMb = Math.max(peakMb, message.peakMb);
        for (const [kind, count] of Object.entries(message.done))
          outcomes[kind] = (outcomes[kind] ?? 0) + count;
      }
    });
    if (death !== undefined) {
      findings.push({ target, seed, index: next - 1, what: death.split("\n")[0]!, account: death });
      // Counts of a child that died are lost with it.
      outcomes["uncounted"] = (outcomes["uncounted"] ?? 0) + (next - 1 - started);
      outcomes["finding"] = (outcomes["finding"] ?? 0) + 1;
    }
    from = next;
  }
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
