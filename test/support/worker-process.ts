/** @file Workers and coordinators as processes of their own, so that a test can end, stop and deceive them. */
import { spawn, type ChildProcess } from "node:child_process";
import { fileURLToPath } from "node:url";
import { killProcess, until } from "./servers.ts";

/** A process under a test's control. */
export interface TestProcess {
  readonly child: ChildProcess;
  /** What it wrote so far, on both streams. */
  output(): string;
  /** Asks it to stop and gives what it wrote on standard output. */
  finish(): Promise<string>;
  kill(): Promise<void>;
}

/**
 * A clock that is wrong: an hour and a day ahead after two seconds, an hour behind after four. For `node --import`.
 */
export const jumpingClock = `data:text/javascript,${encodeURIComponent(`
  const true_ = Date.now.bind(Date), start = true_();
  Date.now = () => {
    const now = true_(), age = now - start;
    return now + (age < 2000 ? 0 : age < 4000 ? 25 * 3600e3 : -3600e3);
  };`)}`;

/** Starts a script of this repository. */
export function startScript(
  script: string,
  args: readonly string[],
  flags: readonly string[] = [],
): TestProcess {
  const path = fileURLToPath(new URL(`../../${script}`, import.meta.url));
  const child = spawn(process.execPath, [...flags, path, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  let [both, out] = ["", ""];
  child.stdout.on("data", (data: Buffer) => {
    both += data.toString();
    out += data.toString();
  });
  child.stderr.on("data", (data: Buffer) => (both += data.toString()));
  return {
    child,
    output: () => both,
    async finish() {
      child.kill("SIGTERM");
      await until("a process to end", () => child.exitCode !== null || child.signalCode !== null);
      return out;
    },
    kill: () => killProcess(child),
  };
}

/** Starts `qtaml worker` and waits until it listens. */
export async function startWorker(
  url: string,
  cache: string,
  { flags = [], node = [] }: { flags?: readonly string[]; node?: readonly string[] } = {},
): Promise<TestProcess> {
  const kind = url.startsWith("redis") ? "--redis" : "--postgres";
  const worker = startScript(
    "src/cli/main.ts",
    ["worker", kind, url, "--threads", "1", "--stall", "2", "--cache", cache, "--json", ...flags],
    node,
  );
  await until("a worker", () => worker.output().includes("Waits for campaigns"));
  return worker;
}
