/** @file What shells complete: commands, options and what their values are, read off the command tree. */
import type { Argument, CommandUnknownOpts, Option } from "@commander-js/extra-typings";
import { listForm } from "../options.ts";

/** What a value is: a path, one of some words, or something that cannot be guessed. */
export type ValueKind =
  | { readonly kind: "file" | "folder" | "free" }
  | { readonly kind: "words"; readonly words: readonly string[] };

/** An option: its spellings, and its value where it takes one. */
export interface CompletedOption {
  readonly flags: readonly string[];
  readonly description: string;
  readonly value?: ValueKind & { readonly name: string };
  readonly repeatable: boolean;
}

/** A command with what can follow it. */
export interface CompletedCommand {
  /** From the root without `qtaml`: "campaign list"; empty for the root. */
  readonly path: string;
  readonly name: string;
  readonly description: string;
  readonly options: readonly CompletedOption[];
  /** Arguments in their order. */
  readonly arguments: readonly (ValueKind & { readonly name: string })[];
  readonly commands: readonly CompletedCommand[];
}

const fileNames = new Set(["file", "path", "model", "store"]);

function valueKind(name: string, choices: readonly string[] | undefined): ValueKind {
  if (choices !== undefined) return { kind: "words", words: choices };
  return { kind: fileNames.has(name) ? "file" : name === "folder" ? "folder" : "free" };
}

function completedOption(option: Option): CompletedOption {
  const name = /<([^>]+)>/.exec(option.flags)?.[1];
  const flags = [option.short, option.long].filter((flag) => flag !== undefined && flag !== null);
  const { description } = option;
  const repeatable = listForm(option) === "repeated";
  if (name === undefined) return { flags, description, repeatable };
  return { flags, description, repeatable, value: { name, ...valueKind(name, option.argChoices) } };
}

const completedArgument = (argument: Argument) => {
  const name = argument.name();
  return { name, ...valueKind(name, argument.argChoices) };
};

/** What can be completed of a command and those under it. */
export function completedCommand(command: CommandUnknownOpts, path = ""): CompletedCommand {
  const helper = command.createHelp();
  return {
    path,
    name: command.name(),
    description: command.description(),
    options: helper.visibleOptions(command).map(completedOption),
    arguments: command.registeredArguments.map(completedArgument),
    commands: command.commands.map((sub) => completedCommand(sub, `${path} ${sub.name()}`.trim())),
  };
}

/** A command and all under it. */
export function everyCompleted(command: CompletedCommand): readonly CompletedCommand[] {
  return [command, ...command.commands.flatMap(everyCompleted)];
}
