/** @file What is said to a command line that cannot be understood: what is wrong, and where to look. */
import type { CommandUnknownOpts } from "@commander-js/extra-typings";
import { coloursOf } from "./colour.ts";

/** A command and all under it. */
export function everyCommand(command: CommandUnknownOpts): CommandUnknownOpts[] {
  return [command, ...command.commands.flatMap(everyCommand)];
}

function fullName(command: CommandUnknownOpts): string {
  return command.parent === null ? command.name() : `${fullName(command.parent)} ${command.name()}`;
}

/** Whether words hold an option that a command does not have; what follows an option with a value is no option. */
function hasUnknownOption({ options }: CommandUnknownOpts, words: readonly string[]): boolean {
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!;
    if (word === "--") return false;
    if (!word.startsWith("-") || word === "-") continue;
    const flag = word.startsWith("--") ? word.split("=", 1)[0]! : word.slice(0, 2);
    const option = options.find(({ long, short }) => flag === long || flag === short);
    if (option === undefined && flag !== "-h" && flag !== "--help") return true;
    if (option?.required === true && word === flag) i++;
  }
  return false;
}

/**
 * Makes every error of the command line say where to look, and names an option that does not exist before one that
 * is missing: `--plann` is both.
 */
export function helpWithErrors(program: CommandUnknownOpts): void {
  program.hook("preSubcommand", ({ args }, command) => {
    if (!hasUnknownOption(command, args.slice(1))) return;
    for (const option of command.options) option.mandatory = false;
  });
  for (const command of everyCommand(program)) {
    command.exitOverride();
    command.configureOutput({
      outputError(text, write) {
        const { bad } = coloursOf(process.stderr);
        const name = fullName(command);
        const usage =
          command.commands.length > 0
            ? `${name} --help lists the commands.`
            : `Usage: ${name} ${command.usage()}; ${name} --help says more.`;
        write(`${text.replace(/^error: /, `${bad("qtaml:")} `).trimEnd()}\n${usage}\n`);
      },
    });
  }
}
