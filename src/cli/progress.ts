/** @file How far a command is, on standard error: a bar on a terminal, lines in a log. */
import { clearLine, cursorTo } from "node:readline";
import type { Manner } from "./output.ts";

/** Shows how far a piece of work is. */
export interface Progress {
  /** Called as often as one likes; a new stage starts a new bar. */
  readonly update: (stage: string, done: number, total: number) => void;
  readonly stop: () => void;
}

const hideCursor = "\u001b[?25l";
const showCursor = "\u001b[?25h";

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

/** A share as a bar of 30 characters. */
const barOf = (share: number) => {
  const filled = Math.round(30 * Math.min(1, share));
  return "\u2588".repeat(filled) + "\u2591".repeat(30 - filled);
};

function barProgress(): Progress {
  const { stderr } = process;
  let current: string | undefined;
  let started = 0;
  let drawn = 0;
  const stop = () => {
    if (current === undefined) return;
    current = undefined;
    process.removeListener("SIGINT", interrupt);
    cursorTo(stderr, 0);
    clearLine(stderr, 0);
    stderr.write(showCursor);
  };
  // Left to itself, an interrupted terminal keeps the bar and has no cursor.
  const interrupt = () => {
    stop();
    process.kill(process.pid, "SIGINT");
  };
  const left = (share: number) => {
    const elapsed = (Date.now() - started) / 1000;
    if (share === 0 || elapsed < 1) return "";
    const seconds = (elapsed * (1 - share)) / share;
    return ` | ${seconds < 90 ? `${Math.ceil(seconds)} s` : `${Math.ceil(seconds / 60)} min`} left`;
  };
  return {
    update(stage, done, total) {
      if (done >= total) {
        stop();
        return;
      }
      const now = Date.now();
      if (stage !== current) {
        stop();
        current = stage;
        started = now;
        process.once("SIGINT", interrupt);
        stderr.write(hideCursor);
      } else if (now - drawn < 100) {
        return;
      }
      drawn = now;
      const share = done / total;
      const line = `  ${stage} ${barOf(share)} ${Math.floor(100 * share)} %${left(share)}`;
      cursorTo(stderr, 0);
      stderr.write(line.slice(0, Math.max(20, (stderr.columns || 80) - 1)));
      clearLine(stderr, 1);
    },
    stop,
  };
}

/** What is said at an interrupt of a command that writes when all is done. */
export const nothingWritten = "Interrupted; nothing was written.";

let shown: Progress | undefined;

/** Progress that says something at Ctrl-C before it ends the process. */
function withFarewell(progress: Progress, farewell: string): Progress {
  const interrupt = () => {
    progress.stop();
    process.stderr.write(`${farewell}\n`);
    process.kill(process.pid, "SIGINT");
  };
  process.once("SIGINT", interrupt);
  return {
    update: progress.update,
    stop() {
      process.removeListener("SIGINT", interrupt);
      progress.stop();
    },
  };
}

/**
 * Progress in the manner that fits: a bar on a terminal, lines in a log, nothing when quiet.
 *
 * @param farewell what an interrupt leaves, unless quiet
 */
export function openProgress(manner: Manner, farewell?: string): Progress {
  if (manner.quiet === true) return silent;
  const plain = process.stderr.isTTY ? barProgress() : plainProgress();
  shown = farewell === undefined ? plain : withFarewell(plain, farewell);
  return shown;
}

/** Ends the progress of a command that failed: a bar that is left hides the cursor. */
export function stopProgress(): void {
  shown?.stop();
}
