/** @file Runs a command and turns its errors into one sentence and an exit status. */
import { CommanderError } from "@commander-js/extra-typings";
import { QtamlError } from "../errors.ts";
import { coloursOf } from "./colour.ts";
import { buildProgram, exitBad, exitDefect } from "./program.ts";
import { helpWithErrors } from "./usage.ts";
import { version } from "../version.ts";

/** Runs the command that the process was started with. */
export async function start(): Promise<void> {
  const program = buildProgram(version);
  helpWithErrors(program);

  // A reader that has seen enough, such as `head`, closes the pipe: that is no failure.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit();
    process.stderr.write(`qtaml: Standard output cannot be written (${error.code ?? error.message}).\n`);
    process.exit(exitBad);
  });

  try {
    await program.parseAsync();
  } catch (error) {
    if (!(error instanceof CommanderError)) (await import("./progress.ts")).stopProgress();
    if (error instanceof CommanderError) {
      process.exitCode = error.exitCode === 0 ? 0 : exitBad;
    } else if (error instanceof QtamlError) {
      process.stderr.write(`${coloursOf(process.stderr).bad("qtaml:")} ${error.message}\n`);
      process.exitCode = exitBad;
    } else {
      // Left to Node it would end with status 1, which means that the target was missed.
      const account = error instanceof Error ? (error.stack ?? error.message) : String(error);
      process.stderr.write(
        `qtaml: this is a defect of qtaml, please report it with what follows.\n${account}\n`,
      );
      process.exitCode = exitDefect;
    }
  }
}
