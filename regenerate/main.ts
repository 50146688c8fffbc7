/**
 * @file `npm run regenerate`: makes every figure and number of the documents anew, step by step (`steps.ts`).
 *
 * Usage: npm run regenerate [-- --list | --fast | --check | --only SCRIPT | --from SCRIPT]
 * `--list` prints the steps; `--fast` runs those under a minute; `--from` goes on at a step, and long steps go on where
 * they were interrupted; `--check` runs what CI can run, compares, leaves everything as it was, and ends with status 1
 * where something is stale.
 */
import { spawnSync } from "node:child_process";
import { globSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { stampLine } from "../reproduce/stamp.ts";
import { areAlike } from "./compare.ts";
import { withSection } from "./section.ts";
import { commandOf, isFast, sectionStamp, steps, type Step } from "./steps.ts";

const root = join(import.meta.dirname, "..");
const { values: flags } = parseArgs({
  options: {
    list: { type: "boolean" },
    fast: { type: "boolean" },
    check: { type: "boolean" },
    only: { type: "string", multiple: true },
    from: { type: "string" },
  },
});
const say = (line: string) => process.stdout.write(`${line}\n`);

/** Ends with a sentence where a step is named that there is not. */
function refuseUnknown(): void {
  const named = [...(flags.only ?? []), ...(flags.from === undefined ? [] : [flags.from])];
  const unknown = named.find((name) => !steps.some(({ script }) => script === name));
  if (unknown === undefined) return;
  process.stderr.write(`There is no step ${unknown}; npm run regenerate -- --list names them.\n`);
  process.exit(2);
}

/** Runs a step; what it prints is shown unless it is kept. */
function run(step: Step, args: readonly string[], kept: readonly ("stdout" | "stderr")[]) {
  const place = (stream: "stdout" | "stderr") => (kept.includes(stream) ? "pipe" : "inherit");
  const { stdout, stderr, status } = spawnSync("npm", ["run", "--silent", step.script, "--", ...args], {
    cwd: root,
    encoding: "utf8",
    maxBuffer: 2 ** 26,
    stdio: ["ignore", place("stdout"), place("stderr")],
  });
  return { isDone: status === 0, stdout: stdout ?? "", stderr: stderr ?? "" };
}

/** Runs a step and writes the part of the document that it fills; false where it failed. */
function regenerate(step: Step): boolean {
  const { isDone, stdout } = run(step, step.args ?? [], step.section === undefined ? [] : ["stdout"]);
  if (isDone && step.section !== undefined) {
    const path = join(root, step.writes[0]!);
    const text = `${stdout.trim()}\n\n${stampLine(sectionStamp(step))}`;
    writeFileSync(path, withSection(readFileSync(path, "utf8"), step.section, text));
  }
  return isDone;
}

/** Files that a step writes, with their contents. */
const written = ({ writes }: Step) =>
  new Map(
    globSync([...writes], { cwd: root }).map((path) => [path, readFileSync(join(root, path))] as const),
  );

const isText = (path: string) => !path.endsWith(".png");

/** Runs a step, puts everything back, and says what it would have changed. */
function stale(step: Step): string[] {
  const before = written(step);
  const { isDone, stderr } = run(step, step.check ?? step.args ?? [], ["stdout", "stderr"]);
  const after = written(step);
  for (const [path, bytes] of before) writeFileSync(join(root, path), bytes);
  if (!isDone) return [`${commandOf(step)} failed: ${stderr.trim()}`];
  return [...after].flatMap(([path, bytes]) => {
    const old = before.get(path);
    const [fresh, kept] = [bytes.toString(), old?.toString() ?? ""];
    const isKept = step.held === "same" || !isText(path) ? fresh === kept : areAlike(fresh, kept);
    return isKept ? [] : [`${path} is stale: ${commandOf(step)} makes it anew.`];
  });
}

refuseUnknown();
if (flags.list === true) {
  for (const step of steps)
    say(`${commandOf(step).padEnd(72)} ${`${step.minutes} min`.padStart(8)}  ${step.writes.join(" ")}`);
} else if (flags.check === true) {
  const checked = steps.filter(
    ({ held, script }) => (held === "same" || held === "alike") && (flags.only?.includes(script) ?? true),
  );
  if (checked.length === 0) {
    say("What this step makes is held in other ways (npm test), and nothing was checked.");
    process.exitCode = 2;
  }
  const found = checked.flatMap((step) => {
    process.stderr.write(`${commandOf(step)} ...\n`);
    return stale(step);
  });
  for (const line of found) say(line);
  if (found.length > 0) process.exitCode = 1;
} else {
  const first = flags.from === undefined ? 0 : steps.findIndex(({ script }) => script === flags.from);
  const chosen = steps.filter((step, i) => {
    if (flags.only !== undefined) return flags.only.includes(step.script);
    return i >= first && step.onlyByName !== true && (flags.fast !== true || isFast(step));
  });
  if (chosen.length === 0) {
    say("No step is left to run: npm run regenerate -- --list says what they take.");
    process.exitCode = 2;
  }
  const failed: string[] = [];
  for (const step of chosen) {
    say(`== ${commandOf(step)} (${step.minutes} min)`);
    if (!regenerate(step))
      failed.push(`${commandOf(step)} failed${step.needs === undefined ? "" : `; it needs ${step.needs}`}.`);
  }
  for (const line of failed) say(line);
  if (failed.length > 0) process.exitCode = 1;
}
