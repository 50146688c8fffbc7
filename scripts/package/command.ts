/** @file The installed package as a command, on a model of the user's own. */
import { spawn, type ChildProcess } from "node:child_process";
import { copyFileSync, existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { readManifest, root } from "./entries.ts";
import { run, type Project } from "./project.ts";

/** A model that is not in the package, with data for it. */
const models = ["watch-lenet.onnx", "watch-calibration-256.npz", "watch-test-1008.npz"] as const;

function expectThat(isSo: boolean, what: string): void {
  if (!isSo) throw new Error(`The command does not do what it should: ${what}.`);
}

/** The address that a server tells as JSON when it is there. */
function addressOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let [told, complaints] = ["", ""];
    child.stderr?.on("data", (piece: Buffer) => (complaints += piece.toString()));
    child.stdout?.on("data", (piece: Buffer) => {
      told += piece.toString();
      if (told.endsWith("}\n")) resolve((JSON.parse(told) as { url: string }).url);
    });
    child.on("exit", (status) => reject(new Error(`qtaml serve ended with ${status}: ${complaints}`)));
  });
}

/** Runs the commands in an empty folder's project. @returns what was run @throws Error where one does not as it should */
export async function checkCommands({ folder }: Project, node: string): Promise<string[]> {
  const main = join(folder, "node_modules", "qtaml", "dist", "cli", "main.js");
  const ran: string[] = [];
  const qtaml = (words: string, expected = 0) => {
    ran.push(`qtaml ${words}`);
    return run(node, [main, ...words.split(" ")], folder, expected);
  };
  for (const name of models) copyFileSync(join(root, "zoo", name), join(folder, name));
  for (const made of ["demo", "image", "hardened.onnx", "campaigns.db", "chips.parquet"]) {
    rmSync(join(folder, made), { recursive: true, force: true });
  }
  const [model, calibration, test] = models;
  const memory = `--data ${calibration} --p 0.05`;

  expectThat(qtaml("--version").stdout.trim() === readManifest().version, "--version");
  expectThat(qtaml("--help").stdout.startsWith("Usage: qtaml"), "--help");
  expectThat(qtaml("completion bash").stdout.includes("complete"), "completion");
  expectThat(qtaml("flip --p 2", 2).stderr.startsWith("qtaml: "), "a sentence for bad input");

  qtaml("demo --quiet");
  expectThat(existsSync(join(folder, "demo", "report.html")), "demo/report.html");
  expectThat(qtaml(`inspect ${model} ${memory} --quiet`).stdout.includes("int8"), "inspect");
  qtaml(`plan ${model} ${memory} --budget 0.2 --quiet -o plan.json`);
  qtaml(`harden ${model} --plan plan.json --code secded(72,64) --memory image --quiet -o hardened.onnx`);
  expectThat(existsSync(join(folder, "hardened.onnx")), "hardened.onnx");
  qtaml(`image check image --model ${model} --quiet`);
  const verify = `verify ${model} --plan plan.json --data ${test} --limit 200 --p 0.05 --trials 4 --threads 2 --store campaigns.db --name own --quiet --json`;
  const { chips } = JSON.parse(qtaml(verify).stdout) as { chips?: unknown };
  expectThat(chips === 4, "verify --json");
  qtaml("campaign export campaigns.db -o chips.parquet");
  expectThat(existsSync(join(folder, "chips.parquet")), "campaign export");

  const serve = `serve ${model} --data ${test} --limit 20 --threads 1 --port 0 --json`;
  ran.push(`qtaml ${serve}`);
  const child = spawn(node, [main, ...serve.split(" ")], { cwd: folder });
  try {
    const page = await fetch(await addressOf(child));
    expectThat(page.ok && (await page.text()).includes("<script"), "serve");
  } finally {
    child.removeAllListeners("exit");
    child.kill();
  }
  return ran;
}

/** Milliseconds that the help takes: on the clock, and of the processor. */
export interface HelpTime {
  readonly elapsed: number;
  readonly processor: number;
}

/** How long the help takes to answer: the least of several runs, the first of which fills caches. */
export function helpTime({ folder }: Project, node: string): HelpTime {
  const main = join(folder, "node_modules", "qtaml", "dist", "cli", "main.js");
  const hook = `process.on("exit", () => { const { user, system } = process.cpuUsage(); process.stderr.write(String((user + system) / 1000)); });`;
  const flags = ["--import", `data:text/javascript,${encodeURIComponent(hook)}`];
  const runs = Array.from({ length: 8 }, () => {
    const started = performance.now();
    const { stderr } = run(node, [...flags, main, "--help"], folder);
    return { elapsed: performance.now() - started, processor: Number(stderr) };
  });
  return {
    elapsed: Math.min(...runs.map(({ elapsed }) => elapsed)),
    processor: Math.min(...runs.map(({ processor }) => processor)),
  };
}
