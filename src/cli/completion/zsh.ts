/** @file The completion script for zsh. */
import { everyCompleted, type CompletedCommand, type CompletedOption, type ValueKind } from "./tree.ts";

const quoted = (text: string) => `'${text.replaceAll("'", String.raw`'\''`)}'`;

/** A description within the brackets of a specification. */
const described = (text: string) => text.replaceAll(/[\\[\]:]/g, String.raw`\$&`);

/** What completes a value, as `_arguments` has it. */
function action(value: ValueKind): string {
  if (value.kind === "words") return `(${value.words.join(" ")})`;
  return { file: "_files", folder: "_files -/", free: " " }[value.kind];
}

function optionSpecification({ flags, description, value, repeatable }: CompletedOption): string[] {
  const rest = value === undefined ? "" : `:${described(value.name)}:${action(value)}`;
  const others = repeatable ? "*" : flags.length > 1 ? `(${flags.join(" ")})` : "";
  return flags.map((flag) => quoted(`${others}${flag}[${described(description)}]${rest}`));
}

const functionName = (root: CompletedCommand, { path }: CompletedCommand) =>
  `_${[root.name, ...path.split(" ")].filter((word) => word !== "").join("_")}`;

function commandFunction(root: CompletedCommand, command: CompletedCommand): string {
  const name = functionName(root, command);
  const options = command.options.flatMap(optionSpecification);
  const call = (specifications: readonly string[]) =>
    `  _arguments -C -s -S \\\n${specifications.map((specification) => `    ${specification}`).join(" \\\n")}`;
  if (command.commands.length === 0) {
    const values = command.arguments.map((argument, i) =>
      quoted(`${i + 1}:${described(argument.name)}:${action(argument)}`),
    );
    return `${name}() {\n${call([...options, ...values])}\n}`;
  }
  const list = command.commands.map((sub) => `        ${quoted(`${sub.name}:${sub.description}`)}`);
  const branches = command.commands.map((sub) => `        ${sub.name}) ${functionName(root, sub)} ;;`);
  return `${name}() {
  local context state state_descr line
  typeset -A opt_args
${call([...options, quoted("1:command:->command"), quoted("*::argument:->argument")])}
  case $state in
    command)
      local -a commands=(
${list.join("\n")}
      )
      _describe command commands
      ;;
    argument)
      case $line[1] in
${branches.join("\n")}
      esac
      ;;
  esac
}`;
}

/**
 * A zsh function that completes commands, options and values, without starting qtaml.
 *
 * @param root command tree of the program
 */
export function zshCompletion(root: CompletedCommand): string {
  const functions = [...everyCompleted(root)].reverse().map((command) => commandFunction(root, command));
  return `#compdef ${root.name}
# Completion of ${root.name} for zsh: source <(${root.name} completion zsh), after compinit; or a file _${root.name} in $fpath.

${functions.join("\n\n")}

if [[ $funcstack[1] == _${root.name} ]]; then _${root.name} "$@"; else compdef _${root.name} ${root.name}; fi
`;
}
