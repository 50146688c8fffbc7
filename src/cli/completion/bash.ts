/** @file The completion script for bash. */
import { everyCompleted, type CompletedCommand, type ValueKind } from "./tree.ts";

/** What a `case` branch sets: the kind of a value and its words. */
function assignment(value: ValueKind): string {
  return value.kind === "words" ? `kind=words words="${value.words.join(" ")}"` : `kind=${value.kind}`;
}

function optionCases({ path, options }: CompletedCommand): string[] {
  return options.flatMap(({ flags, value }) =>
    value === undefined
      ? []
      : [`    ${flags.map((flag) => `"${path}:${flag}"`).join(" | ")}) ${assignment(value)} ;;`],
  );
}

function argumentCases({ path, arguments: all }: CompletedCommand): string[] {
  return all.map((argument, i) => `    "${path}:${i}") ${assignment(argument)} ;;`);
}

function commandCase({ path, options, commands }: CompletedCommand): string {
  const flags = options.flatMap((option) => option.flags.filter((flag) => flag.startsWith("--")));
  return `    "${path}") flags="${flags.join(" ")}" commands="${commands.map(({ name }) => name).join(" ")}" ;;`;
}

/**
 * A bash function that completes commands, options and values, without starting qtaml.
 *
 * @param root command tree of the program
 */
export function bashCompletion(root: CompletedCommand): string {
  const all = everyCompleted(root);
  const name = root.name;
  return `# Completion of ${name} for bash: source <(${name} completion bash)

# Sets kind (file, folder, words, free; empty without a value) and words for "command:option" or "command:argument".
_${name}_value() {
  kind="" words=""
  case "$1" in
${all.flatMap((command) => [...optionCases(command), ...argumentCases(command)]).join("\n")}
  esac
}

# Sets flags and commands for a command.
_${name}_command() {
  flags="" commands=""
  case "$1" in
${all.map(commandCase).join("\n")}
  esac
}

_${name}() {
  local current="\${COMP_WORDS[COMP_CWORD]}" command="" position=0 ended="" option=""
  local i word kind words flags commands
  for ((i = 1; i < COMP_CWORD; i++)); do
    word="\${COMP_WORDS[i]}"
    # bash cuts --option=value into three words.
    if [[ -n $option ]]; then
      if [[ $word != "=" ]]; then option=""; fi
      continue
    fi
    if [[ -z $ended && $word == -- ]]; then
      ended=1
      continue
    fi
    if [[ -z $ended && $word == -* ]]; then
      _${name}_value "$command:$word"
      if [[ -n $kind ]]; then option="$word"; fi
      continue
    fi
    _${name}_command "$command"
    if [[ -n $commands && " $commands " == *" $word "* ]]; then
      command="\${command:+$command }$word"
    else
      ((position++))
    fi
  done
  COMPREPLY=()
  if [[ $current == "=" && -n $option ]]; then current=""; fi
  if [[ -n $option ]]; then
    _${name}_value "$command:$option"
  elif [[ -z $ended && $current == -* ]]; then
    _${name}_command "$command"
    kind=words words="$flags"
  else
    _${name}_command "$command"
    if [[ -n $commands ]]; then
      kind=words words="$commands"
    else
      _${name}_value "$command:$position"
    fi
  fi
  case "$kind" in
    words) mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current") ;;
    file) mapfile -t COMPREPLY < <(compgen -f -- "$current") ;;
    folder) mapfile -t COMPREPLY < <(compgen -d -- "$current") ;;
  esac
  if [[ $kind == file || $kind == folder ]]; then compopt -o filenames 2> /dev/null; fi
}

complete -F _${name} ${name}
`;
}
