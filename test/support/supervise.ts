/**
 * @file Runs a range of cases in child processes under limits of memory and silence, and goes on after a death: the
 * case that the child was at is what killed it.
 */
import { spawn } from "node:child_process";
import { writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";

/** Private memory a child may have, code and heap included; Node itself takes about 0.3 GB of it. */
const memoryKb = 2_000_000;
/** A child that says nothing for so long is ended: its case hangs. Generous, because other work shares the machine. */
const silenceMs = 60_000;

/** A range of cases and the script that runs them. */
export interface Range<Message> {
  /** Path of the script; it is given `args`, then the first case and the one after the last. */
  readonly script: string;
  readonly args: readonly string[];
  readonly cases: number;
  readonly onMessage: (message: Message) => void;
  /** Told of a case that killed its child or made it hang. */
  readonly onDeath: (index: number, account: string) => void;
}

/** In a child: says on descriptor 3 which case comes, or what came of it. Written at once, whatever happens next. */
export function tellParent(message: object): void {
  writeSync(3, `${JSON.stringify(message)}\n`);
}

/** Runs one child from a case on; returns the case to go on with. */
function runChild<Message>(range: Range<Message>, from: number): Promise<number> {
  const { script, args, cases } = range;
  return new Promise((resolve, reject) => {
    const node = [process.execPath, "--max-old-space-size=512", "--no-warnings", script, ...args];
    const words = [...node, String(from), String(cases)];
    const child = spawn("sh", ["-c", `ulimit -d ${memoryKb} 2>/dev/null; exec "$@"`, "sh", ...words], {
      stdio: ["ignore", "ignore", "pipe", "pipe"],
      // Compiled sources, kept between runs: half of a short run would be spent on compiling.
      env: { ...process.env, NODE_COMPILE_CACHE: join(tmpdir(), "qtaml-test-compile-cache") },
    });
    let current = from;
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
      const message = JSON.parse(line) as Message | { start: number };
      if (typeof message === "object" && message !== null && "start" in message) current = message.start;
      else range.onMessage(message);
    });
    child.on("error", reject);
    child.on("close", (status, signal) => {
      clearTimeout(watchdog);
      if (status === 0) {
        resolve(cases);
        return;
      }
      const how = isHung ? `hang: over ${silenceMs / 1000} s` : `crash: ${signal ?? `status ${status}`}`;
      range.onDeath(current, `${how}\n${account}`);
      resolve(current + 1);
    });
  });
}

/** Runs all cases of a range, in as many children as it takes. */
export async function superviseRange<Message>(range: Range<Message>): Promise<void> {
  for (let from = 0; from < range.cases;) from = await runChild(range, from);
}
