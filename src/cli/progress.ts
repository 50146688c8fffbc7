/** @file How far a command is, on standard error: a bar on a terminal, lines in a log. */
import { Presets, SingleBar } from "cli-progress";
import type { Manner } from "./output.ts";

/** Shows how far a piece of work is. */
export interface Progress {
  /** Called as often as one likes; a new stage starts a new bar. */
  readonly update: (stage: string, done: number, total: number) => void;
  readonly stop: () => void;
}

const silent: Progress = { update: () => undefined, stop: () => undefined };

/** Work that is done within this many milliseconds leaves no line in a log. */
const brief = 2_000;

/** Progress in plain lines for logs: a line for a stage that took a while when it ends, and one every ten seconds within it. */
function plainProgress(): Progress {
  let lastStage = "";
  let started = 0;
  let lastLine = 0;
  let isEnded = false;
  return {
    update(stage, done, total) {
      const now = Date.now();
      if (stage !== lastStage) {
        lastStage = stage;
        started = lastLine = now;
        isEnded = false;
      }
      const ends = done >= total;
      if (ends ? isEnded || now - started < brief : now - lastLine < 10_000) return;
      isEnded = ends;
      lastLine = now;
      process.stderr.write(`  ${stage}: ${Math.round((100 * done) / total)} %\n`);
    },
    stop: () => undefined,
  };
}

function barProgress(): Progress {
  const options = {
    format: "  {stage} {bar} {percentage} %{left}",
    hideCursor: true,
    clearOnComplete: true,
    barsize: 30,
  };
  let bar: SingleBar | undefined;
  let current = "";
  let started = 0;
  // Left to itself, an interrupted terminal keeps the bar and has no cursor.
  const interrupt = () => {
    stop();
    process.kill(process.pid, "SIGINT");
  };
  const stop = () => {
    process.removeListener("SIGINT", interrupt);
    bar?.stop();
    bar = undefined;
  };
  const left = (done: number, total: number) => {
    const elapsed = (Date.now() - started) / 1000;
    if (done === 0 || elapsed < 1) return "";
    const seconds = (elapsed * (total - done)) / done;
    return ` | ${seconds < 90 ? `${Math.ceil(seconds)} s` : `${Math.ceil(seconds / 60)} min`} left`;
  };
  return {
    update(stage, done, total) {
      if (stage !== current) started = Date.now();
      if (stage !== current || bar === undefined) {
        stop();
        current = stage;
        bar = new SingleBar(options, Presets.shades_classic);
        process.once("SIGINT", interrupt);
        bar.start(total, done, { stage, left: "" });
      }
      bar.update(done, { stage, left: left(done, total) });
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
