/** @file The completion script for fish. */
import { everyCompleted, type CompletedCommand, type CompletedOption } from "./tree.ts";

const quoted = (text: string) => `'${text.replaceAll("\\", "\\\\").replaceAll("'", String.raw`\'`)}'`;

function spelling(flag: string): string {
  return flag.startsWith("--") ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`;
}

function optionLine(name: string, condition: string, option: CompletedOption): string {
  const { flags, description, value } = option;
  const parts = [`complete -c ${name}`, `-n ${quoted(condition)}`, ...flags.map(spelling)];
  if (value?.kind === "words") parts.push("-x", `-a ${quoted(value.words.join(" "))}`);
  else if (value?.kind === "file") parts.push("-r", "-F");
  else if (value?.kind === "folder") parts.push("-x", "-a '(__fish_complete_directories)'");
  else if (value !== undefined) parts.push("-x");
  return [...parts, `-d ${quoted(description)}`].join(" ");
}

/** When a command is the one that is typed. */
function condition({ path, commands }: CompletedCommand): string {
  const names = commands.map(({ name }) => name).join(" ");
  if (path === "") return "__fish_use_subcommand";
  const seen = path.split(" ").map((word) => `__fish_seen_subcommand_from ${word}`);
  return [...seen, ...(names === "" ? [] : [`not __fish_seen_subcommand_from ${names}`])].join("; and ");
}

function commandLines(name: string, command: CompletedCommand): string[] {
  const when = condition(command);
  const { commands, arguments: all, options } = command;
  const takesFiles = all.some(({ kind }) => kind === "file" || kind === "folder");
  const words = all.flatMap((argument) => (argument.kind === "words" ? argument.words : []));
  return [
    ...(takesFiles ? [] : [`complete -c ${name} -n ${quoted(when)} -f`]),
    ...commands.map(
      (sub) => `complete -c ${name} -n ${quoted(when)} -f -a ${sub.name} -d ${quoted(sub.description)}`,
    ),
    ...(words.length === 0 ? [] : [`complete -c ${name} -n ${quoted(when)} -a ${quoted(words.join(" "))}`]),
    ...options.map((option) => optionLine(name, when, option)),
  ];
}

/**
 * Lines for fish that complete commands, options and values, without starting qtaml.
 *
 * @param root command tree of the program
 */
export function fishCompletion(root: CompletedCommand): string {
  const lines = everyCompleted(root).flatMap((command) => commandLines(root.name, command));
  return `# Completion of ${root.name} for fish: ${root.name} completion fish | source\n${lines.join("\n")}\n`;
}
