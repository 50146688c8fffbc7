/** @file What is said to a command line that cannot be understood: what is wrong, and where to look. */
import { existsSync } from "node:fs";
import type { CommandUnknownOpts, Option } from "@commander-js/extra-typings";
import { coloursOf } from "./colour.ts";
import { listForm } from "./options.ts";

/** A command and all under it. */
export function everyCommand(command: CommandUnknownOpts): CommandUnknownOpts[] {
  return [command, ...command.commands.flatMap(everyCommand)];
}

function fullName(command: CommandUnknownOpts): string {
  return command.parent === null ? command.name() : `${fullName(command.parent)} ${command.name()}`;
}

/** An option as it was given, and the words behind it that belong to no option. */
interface Given {
  readonly flag: string;
  /** Undefined where the command has no such option. */
  readonly option: Option | undefined;
  readonly value: string | undefined;
  readonly loose: readonly string[];
}

/** The options among words; what follows an option with a value is no option. */
function optionsAmong({ options }: CommandUnknownOpts, words: readonly string[]): Given[] {
  const found: (Given & { loose: string[] })[] = [];
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!;
    if (word === "--") break;
    if (!word.startsWith("-") || word === "-") {
      found.at(-1)?.loose.push(word);
      continue;
    }
    const flag = word.startsWith("--") ? word.split("=", 1)[0]! : word.slice(0, 2);
    const option = options.find(({ long, short }) => flag === long || flag === short);
    const isApart = option?.required === true && word === flag;
    const value = isApart ? words[++i] : word.slice(flag.length).replace(/^=/, "");
    if (flag !== "-h" && flag !== "--help") found.push({ flag, option, value, loose: [] });
  }
  return found;
}

const isNumbers = (word: string) =>
  word.split(",").every((part, i) => (part === "" ? i > 0 : Number.isFinite(Number(part))));

/** A word as a shell takes it. */
const quoted = (word: string) => (/^[\w./:=,@+-]+$/.test(word) ? word : `'${word}'`);

/** How a flag is given several values; undefined where the words behind it are none of its values. */
function severalValues({ flag, option, value = "", loose }: Given, extra: number): string | undefined {
  const form = option === undefined ? undefined : listForm(option);
  if (form === undefined) return undefined;
  const isOther = (word: string) => !isNumbers(word) || existsSync(word);
  const end = form === "commas" ? loose.findIndex(isOther) : extra;
  const values = [value, ...(end < 0 ? loose : loose.slice(0, end))];
  if (values.length < 2 || (form === "repeated" && loose.length < extra)) return undefined;
  const written =
    form === "commas"
      ? `${flag} ${values.flatMap((word) => word.split(",").filter((part) => part !== "")).join(",")}`
      : values.map((word) => `${flag} ${quoted(word)}`).join(" ");
  return `For several values of ${flag} write ${written}.`;
}

/** The remedy of the first option that has words behind it which are values of it. */
function firstRemedy(given: readonly Given[], extra: number): string | undefined {
  return given.map((own) => severalValues(own, extra)).find((remedy) => remedy !== undefined);
}

/**
 * Makes every error of the command line say where to look, and names an option that does not exist before one that
 * is missing: `--plann` is both. Lists that are given with spaces are told how they are written.
 */
export function helpWithErrors(program: CommandUnknownOpts): void {
  let given: Given[] = [];
  program.hook("preSubcommand", ({ args }, command) => {
    given = optionsAmong(command, args.slice(1));
    if (given.some(({ option }) => option === undefined)) {
      for (const option of command.options) option.mandatory = false;
      return;
    }
    // A number behind a list of numbers would be taken for the model where there is room for one.
    const numbers = given.filter(({ option }) => listForm(option!) === "commas");
    const remedy = firstRemedy(numbers, 1);
    if (remedy !== undefined) command.error(`error: a list has commas and no spaces. ${remedy}`);
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
        const extra = command.args.length - command.registeredArguments.length;
        const remedy = text.startsWith("error: too many arguments") ? firstRemedy(given, extra) : undefined;
        const lines = [text.replace(/^error: /, `${bad("qtaml:")} `).trimEnd(), remedy, usage];
        write(`${lines.filter((line) => line !== undefined).join("\n")}\n`);
      },
    });
  }
}
