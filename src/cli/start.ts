/** @file Runs a command and turns its errors into one sentence and an exit status. */
import { CommanderError } from "@commander-js/extra-typings";
import { QtamlError } from "../errors.ts";
import { coloursOf } from "./colour.ts";
import { blamingCode } from "./own-code.ts";
import { buildProgram, exitBad, exitDefect } from "./program.ts";
import { helpWithErrors } from "./usage.ts";
import { version } from "../version.ts";

/** Writes to a stream that nobody reads any more are dropped, and what is under way goes on to its files and status. */
function dropWrites(stream: NodeJS.WriteStream): void {
  stream.write = (_chunk: unknown, second?: unknown, third?: unknown): boolean => {
    const done = typeof second === "function" ? second : third;
    if (typeof done === "function") process.nextTick(done);
    return true;
  };
}

/** Says what is wrong. @returns the exit status that tells it */
async function account(thrown: unknown): Promise<number> {
  (await import("./progress.ts")).stopProgress();
  const error = blamingCode(thrown);
  if (error instanceof QtamlError) {
    process.stderr.write(`${coloursOf(process.stderr).bad("qtaml:")} ${error.message}\n`);
    return exitBad;
  }
  // Left to Node it would end with status 1, which means that the target was missed.
  const words = error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.stderr.write(`qtaml: this is a defect of qtaml, please report it with what follows.\n${words}\n`);
  return exitDefect;
}

/** Runs the command that the process was started with. */
export async function start(): Promise<void> {
  const program = buildProgram(version);
  helpWithErrors(program);

  // A reader that has seen enough, such as `head`, closes the pipe: that is no failure.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") return dropWrites(process.stdout);
    process.stderr.write(`qtaml: Standard output cannot be written (${error.code ?? error.message}).\n`);
    process.exit(exitBad);
  });
  process.stderr.on("error", () => dropWrites(process.stderr));
  process.on("uncaughtException", async (error) => process.exit(await account(error)));

  try {
    await program.parseAsync();
  } catch (error) {
    if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : exitBad;
    else process.exitCode = await account(error);
  }
}
