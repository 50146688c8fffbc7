/**
 * @file `npm run mutation`: changes the pure rooms' sources in one place after the other and counts how many of the
 * changes the tests of the same room notice. Works on a copy in a temporary folder; what was found is kept in
 * `.cache/mutation`, so that a run that was stopped (Ctrl-C) goes on where it was, and a later one tries only
 * mutants whose source or tests have changed.
 *
 * Usage: npm run mutation [-- --room ROOM]... [--share 0.1 --seed 1] [--jobs 1] [--again] [--update]
 *
 * `--update` records the scores and puts them into the table of CONTRIBUTING.md.
 */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { Stryker } from "@stryker-mutator/core";
import { isDrawn, type Draw } from "./draw.ts";
import { recordScores } from "./record.ts";
import { pureRooms, scoreOf, scoreTable, type Score } from "./score.ts";

/** Texts in C and SystemVerilog: compilers and simulators tell whether they are right (`npm run test:silicon`). */
const judgedByTools = ["src/image/firmware.ts", "src/image/verilog/**"];
const root = fileURLToPath(new URL("../..", import.meta.url));
const kept = join(root, ".cache", "mutation");

interface KeptReport {
  readonly files: Record<string, { mutants: { readonly status: string; readonly statusReason?: string }[] }>;
}

/**
 * A mutant that was not drawn is kept as one that does not compile; another draw has to meet it anew. So has one that
 * seemed to hang: a busy machine is enough for that.
 */
function forgetUnsettled(path: string): void {
  if (!existsSync(path)) return;
  const report = JSON.parse(readFileSync(path, "utf8")) as KeptReport;
  for (const file of Object.values(report.files)) {
    file.mutants = file.mutants.filter(
      ({ status, statusReason }) => status !== "Timeout" && statusReason !== "not drawn",
    );
  }
  writeFileSync(path, JSON.stringify(report));
}

type Mutant = Awaited<ReturnType<Stryker["runMutationTest"]>>[number];

/** Reports count lines and columns from 1, as people do, and all else counts from 0. */
function fromZero(mutant: Mutant): Mutant {
  const shift = ({ line, column }: Mutant["location"]["start"]) => ({ line: line - 1, column: column - 1 });
  return { ...mutant, location: { start: shift(mutant.location.start), end: shift(mutant.location.end) } };
}

/** Where a mutant is, in what it differs, and which it is. */
function describe({ fileName, location, mutatorName, replacement, status }: Mutant): string {
  const { start, end } = location;
  const lines = readFileSync(join(root, fileName.slice(fileName.indexOf("src/"))), "utf8").split("\n");
  const text = lines.slice(start.line, end.line + 1);
  const cut = text.map((line, i) =>
    line.slice(i === 0 ? start.column : 0, i === text.length - 1 ? end.column : undefined),
  );
  const place = `${fileName.slice(fileName.indexOf("src/"))}:${start.line + 1}:${start.column + 1}`;
  return `${place} ${status} ${mutatorName}\n- ${cut.join("\n- ")}\n+ ${replacement.replaceAll("\n", "\n+ ")}\n`;
}

async function tryRoom(room: string, draw: Draw, jobs: number, again: boolean): Promise<Score> {
  const incrementalFile = join(kept, `${room}.json`);
  if (again) rmSync(incrementalFile, { force: true });
  forgetUnsettled(incrementalFile);
  process.env["QTAML_MUTATION_ROOM"] = room;
  process.env["QTAML_MUTATION_SHARE"] = String(draw.share);
  process.env["QTAML_MUTATION_SEED"] = draw.seed;
  const reported = await new Stryker({
    mutate: [
      `src/${room}/**/*.ts`,
      `!src/${room}/**/*.test.ts`,
      `!src/${room}/index.ts`,
      ...judgedByTools.map((path) => `!${path}`),
    ],
    testRunner: "vitest",
    vitest: { configFile: "test/mutation/vitest.config.ts", related: false },
    coverageAnalysis: "perTest",
    plugins: ["@stryker-mutator/vitest-runner", fileURLToPath(new URL("plugin.ts", import.meta.url))],
    checkers: ["draw"],
    ignorers: ["wording"],
    incremental: true,
    incrementalFile,
    concurrency: jobs,
    timeoutMS: 25_000,
    dryRunTimeoutMinutes: 60,
    timeoutFactor: 2,
    tempDirName: join(tmpdir(), `qtaml-mutation-${process.pid}-${room}`),
    cleanTempDir: "always",
    ignorePatterns: ["/docs", "/web", "/dist", "/bench", "/reproduce", "/demo"],
    reporters: ["progress-append-only"],
    logLevel: "warn",
  } as ConstructorParameters<typeof Stryker>[0]).runMutationTest();
  forgetUnsettled(incrementalFile);
  const drawn = reported.map(fromZero).filter((mutant) => isDrawn(mutant, draw));
  const missed = drawn.filter(({ status }) => status === "Survived" || status === "NoCoverage");
  writeFileSync(join(kept, `${room}.missed.txt`), missed.map(describe).sort().join("\n"));
  return scoreOf(
    room,
    drawn.map(({ status }) => status),
    draw.share,
  );
}

const { values } = parseArgs({
  options: {
    room: { type: "string", multiple: true, default: [...pureRooms] },
    share: { type: "string", default: "1" },
    seed: { type: "string", default: "1" },
    jobs: { type: "string", default: "1" },
    again: { type: "boolean", default: false },
    update: { type: "boolean", default: false },
  },
});
const unknown = values.room.find((room) => !pureRooms.includes(room));
if (unknown !== undefined) {
  throw new Error(`There is no pure room "${unknown}"; the rooms are ${pureRooms.join(", ")}.`);
}
const share = Number(values.share);
if (!(share > 0 && share <= 1)) throw new Error(`--share ${values.share} is not above 0 and at most 1.`);

mkdirSync(kept, { recursive: true });
const scores: Score[] = [];
for (const room of values.room) {
  scores.push(await tryRoom(room, { share, seed: values.seed }, Number(values.jobs), values.again));
  const table = scoreTable(scores).join("\n");
  process.stdout.write(`\n${table}\n\nMissed in ${room}: ${join(kept, `${room}.missed.txt`)}\n`);
  if (values.update) recordScores(scores);
}
