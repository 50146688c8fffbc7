/** @file Scripts that complete qtaml's command line in shells. */
import type { CommandUnknownOpts } from "@commander-js/extra-typings";
import { bashCompletion } from "./bash.ts";
import { fishCompletion } from "./fish.ts";
import { completedCommand } from "./tree.ts";
import { zshCompletion } from "./zsh.ts";

/** The shells that there are scripts for. */
export type Shell = "bash" | "zsh" | "fish";

const scripts = { bash: bashCompletion, zsh: zshCompletion, fish: fishCompletion };

/** The script of a shell, for all commands of a program. */
export const completionScript = (program: CommandUnknownOpts, shell: Shell): string =>
  scripts[shell](completedCommand(program));
