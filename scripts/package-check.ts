/**
 * @file `npm run package:check`: packs the package, installs it into an empty project and uses it as its users do.
 * `-- --node 22` (repeatable) does so on other versions of Node, which npm brings; `-- --keep` leaves the project.
 */
import { parseArgs } from "node:util";
import { differing, numbersInBoth } from "./package/browser.ts";
import { checkCommands, helpTime } from "./package/command.ts";
import { root } from "./package/entries.ts";
import {
  checkTypes,
  knownVulnerabilities,
  loadEntries,
  packageProblems,
  typeProblems,
} from "./package/library.ts";
import { installNode, makeProject, run } from "./package/project.ts";
import { measureEntries, sizeTable } from "./package/sizes.ts";

const { values } = parseArgs({
  options: { node: { type: "string", multiple: true }, keep: { type: "boolean", default: false } },
});
const say = (text: string) => process.stdout.write(`${text}\n`);
const problems: string[] = [];
/** Runs a check; what it throws is one problem more. */
async function check(name: string, work: () => string | Promise<string>): Promise<void> {
  const started = performance.now();
  try {
    const found = await work();
    say(`ok  ${name} (${((performance.now() - started) / 1000).toFixed(1)} s): ${found}`);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    problems.push(name);
    say(`BAD ${name}: ${message}`);
  }
}
/** Fails with the lines that were found. */
function none(lines: readonly string[], found: string): string {
  if (lines.length > 0) throw new Error(lines.join("\n    "));
  return found;
}
const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`;

const project = makeProject();
const { packed, packages, installedBytes } = project;
say(
  `qtaml: ${megabytes(packed.size)} packed, ${megabytes(packed.unpackedSize)} unpacked in ${packed.files.length} files; ${packages} packages installed, ${megabytes(installedBytes)}.`,
);
try {
  await check("publint", async () => none(await packageProblems(project), "nothing to say"));
  await check("are-the-types-wrong", async () => none(await typeProblems(project), "no, for ES modules"));
  await check("types", () => checkTypes(project).join("; "));
  await check(
    "npx",
    () => run("npx", ["--no-install", "qtaml", "--help"], project.folder).stdout.split("\n")[0]!,
  );
  const nodes = values.node?.map((version) => installNode(project, version)) ?? [process.execPath];
  for (const node of nodes) {
    const version = run(node, ["--version"], root).stdout.trim();
    await check(`library, Node ${version}`, () =>
      Object.entries(loadEntries(project, node))
        .map(([name, count]) => `${name} ${count}`)
        .join(", "),
    );
    await check(`command, Node ${version}`, async () => (await checkCommands(project, node)).join("; "));
    await check(`help, Node ${version}`, () => {
      const { elapsed, processor } = helpTime(project, node);
      return `${elapsed.toFixed(0)} ms, of the processor ${processor.toFixed(0)} ms; wanted are 150`;
    });
    await check(`browser beside Node ${version}`, async () => {
      const both = await numbersInBoth(project, node);
      const missing = both.paths > 0 ? [] : ["no chart is drawn"];
      return none([...differing(both), ...missing], `${Object.keys(both.node).length} numbers alike`);
    });
  }
  await check("vulnerabilities", () => knownVulnerabilities(project));
  await check(
    "sizes",
    async () => `\n${sizeTable(await measureEntries(`${project.folder}/node_modules/qtaml`))}`,
  );
} finally {
  if (values.keep) say(`The project is in ${project.folder}.`);
  else project.remove();
}
if (problems.length > 0) {
  say(`Not as it should be: ${problems.join(", ")}.`);
  process.exitCode = 1;
}
