/** @file The help of every command as a page: `docs/commands.md` (`npm run docs:commands`). */
import type { CommandUnknownOpts } from "@commander-js/extra-typings";
import { everyCommand } from "./usage.ts";

const lineWidth = 80;

function fullName(command: CommandUnknownOpts): string {
  return command.parent === null ? command.name() : `${fullName(command.parent)} ${command.name()}`;
}

/** What `--help` prints, without colours, in lines of at most 80 characters. */
function helpOf(command: CommandUnknownOpts): string {
  let text = "";
  command.configureOutput({
    writeOut: (part) => (text += part),
    getOutHelpWidth: () => lineWidth,
    getOutHasColors: () => false,
  });
  command.outputHelp();
  return text.trim();
}

/**
 * The page, in Markdown.
 *
 * @param program the whole command line
 */
export function commandReference(program: CommandUnknownOpts): string {
  const [root, ...commands] = everyCommand(program);
  const section = (command: CommandUnknownOpts) => `## ${fullName(command)}

\`\`\`text
${helpOf(command)}
\`\`\`
`;
  return `# Commands

What \`qtaml COMMAND --help\` prints. This page is made from the program by \`npm run docs:commands\`.

\`\`\`text
${helpOf(root!)}
\`\`\`

Exit status: 0 done; 1 the target was missed; 2 bad usage or input, with a sentence that says what to do; 70 a defect of qtaml; 128 and the signal's number after a signal. Colours follow \`NO_COLOR\` and \`FORCE_COLOR\`. \`source <(qtaml completion bash)\` completes all of this in a shell (also zsh and fish).

${commands.map(section).join("\n")}`;
}
