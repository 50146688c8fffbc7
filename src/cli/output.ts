/**
 * @file What a person sees while a command works: results on standard output, everything else on standard error.
 */
import { Presets, SingleBar } from "cli-progress";

/** How much a command says. */
export interface Manner {
  readonly json?: true | undefined;
  readonly quiet?: true | undefined;
}

/** Width of the terminal, within reason. What goes to a file or a pipe has room for whole names. */
export function terminalWidth(): number {
  const { columns } = process.stdout;
  return columns === undefined ? 200 : Math.max(60, Math.min(columns, 140));
}

/** Prints a line of the account on standard output. */
export function say(text = ""): void {
  process.stdout.write(`${text}\n`);
}

/** Prints JSON on standard output. */
export function sayJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
}

/** Prints warnings on standard error. */
export function warn(warnings: readonly string[]): void {
  for (const warning of warnings) process.stderr.write(`Warning: ${warning}\n`);
}

/** Prints a remark on standard error, unless nothing but results is wanted. */
export function note(text: string, { quiet }: Manner): void {
  if (quiet !== true) process.stderr.write(`${text}\n`);
}

/** Shows how far a piece of work is. */
export interface Progress {
  /** Called as often as one likes; a new stage starts a new bar. */
  readonly update: (stage: string, done: number, total: number) => void;
  readonly stop: () => void;
}

const silent: Progress = { update: () => undefined, stop: () => undefined };

/** Progress in plain lines for logs: a line a stage when it ends, and one every ten seconds within it. */
function plainProgress(): Progress {
  let lastStage = "";
  let lastLine = 0;
  return {
    update(stage, done, total) {
      const now = Date.now();
      if (stage !== lastStage) {
        lastStage = stage;
        lastLine = now;
      }
      if (done !== total && now - lastLine < 10_000) return;
      lastLine = now;
      process.stderr.write(`  ${stage}: ${Math.round((100 * done) / total)} %\n`);
    },
    stop: () => undefined,
  };
}

function barProgress(): Progress {
  const options = {
    format: "  {stage} {bar} {percentage} % | {eta_formatted} left",
    hideCursor: true,
    clearOnComplete: true,
    barsize: 30,
  };
  let bar: SingleBar | undefined;
  let current = "";
  const stop = () => {
    bar?.stop();
    bar = undefined;
  };
  return {
    update(stage, done, total) {
      if (stage !== current || bar === undefined) {
        stop();
        current = stage;
        bar = new SingleBar(options, Presets.shades_classic);
        bar.start(total, done, { stage });
      }
      bar.update(done, { stage });
      if (done >= total) stop();
    },
    stop,
  };
}

let shown: Progress | undefined;

/** Progress in the manner that fits: a bar on a terminal, lines in a log, nothing when quiet. */
export function openProgress(manner: Manner): Progress {
  if (manner.quiet === true) return silent;
  shown = process.stderr.isTTY ? barProgress() : plainProgress();
  return shown;
}

/** Ends the progress of a command that failed: a bar left running would hide the cursor and keep the process alive. */
export function stopProgress(): void {
  shown?.stop();
}
