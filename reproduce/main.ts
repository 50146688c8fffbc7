/**
 * @file `npm run reproduce`: the published claim put to the test. Makes docs/results.md and its figures from scratch;
 * an interrupted run goes on where it stopped. `--only NAME` (repeatable) measures some networks and writes no page;
 * `--charts` draws the charts of networks alone, which needs each at its own flip probability.
 */
import { parseArgs } from "node:util";
import { writeWhole } from "../src/cli/files.ts";
import { accuracyChart } from "../src/report/charts/index.ts";
import { emptyDocument } from "../src/report/document.ts";
import { chartToSvg } from "../src/report/svg.ts";
import { ablate, type Ablation } from "./ablation.ts";
import { budgets, keeps, seed, subjects, sweep, wide, type Subject } from "./cases.ts";
import { predictionChart, sweepChart, thicknessToAccuracyChart } from "./charts.ts";
import { measureNetwork, type Case, type NetworkResult } from "./network.ts";
import { resultsPage, type Results } from "./page.ts";
import { remembered } from "./store.ts";
import { checkTheorems } from "./theorems.ts";
import { deviceFile, thicknessToAccuracy } from "./thickness.ts";

const { values: flags } = parseArgs({
  options: { only: { type: "string", multiple: true }, charts: { type: "boolean", default: false } },
});
const started = Date.now();

/** Tells what is under way, how far, and for how long. */
async function step<T>(what: string, done: number, total: number, work: () => Promise<T>): Promise<T> {
  const minutes = ((Date.now() - started) / 60_000).toFixed(1);
  process.stderr.write(`[${minutes} min, ${done + 1}/${total}] ${what}\n`);
  return work();
}

const settings = ({ calibrationInputs, draws, samples }: Subject) => ({
  budgets,
  calibrationInputs,
  draws,
  keeps,
  samples,
  seed,
});
const files = (subject: Subject) => [subject.model, subject.test, subject.trained];

const network = (subject: Subject, p: number) => {
  const isWide = wide.includes(subject);
  const isFull = p === subject.p && !isWide;
  // Where a flip probability is only swept, and where chips cost seconds, the published target is enough.
  const targets = isFull || (p === subject.lowP && !isWide) ? keeps : keeps.slice(0, 1);
  return remembered(
    `${subject.name}-${p}`,
    files(subject),
    { ...settings(subject), chips: subject.chips, p, isFull, targets },
    () => measureNetwork(subject, p, isFull, targets),
  );
};

const wanted = subjects.filter((s) => flags.only === undefined || flags.only.includes(s.name));
const settingsOf = wanted.flatMap((subject) =>
  (flags.charts ? [subject.p] : [subject.p, subject.otherP, subject.lowP]).map((p) => ({ subject, p })),
);

/** Writes the chart of a network, where all policies were compared on it. */
function drawNetwork(subject: Subject, { comparison }: NetworkResult): void {
  if (comparison === null) return;
  const chart = accuracyChart(comparison, { document: emptyDocument(), width: 800 });
  writeWhole(`docs/figures/results-${subject.name}.svg`, chartToSvg(chart));
}

if (flags.charts) {
  for (const [i, { subject, p }] of settingsOf.entries()) {
    drawNetwork(
      subject,
      await step(`${subject.name}, p = ${p}`, i, settingsOf.length, () => network(subject, p)),
    );
  }
  process.exit();
}
const swept = wanted
  .filter((s) => (sweep.names as readonly string[]).includes(s.name))
  .flatMap((subject) => sweep.p.map((p) => ({ subject, p })));
const dissected = wanted.filter((s) => s.data === "Fashion-MNIST");
const wanting = wide.filter((s) => flags.only === undefined || flags.only.includes(s.name));
const total = settingsOf.length + swept.length + dissected.length + wanting.length + 2;
let done = 0;

const networks: { subject: Subject; p: number; result: NetworkResult }[] = [];
for (const { subject, p } of settingsOf) {
  const result = await step(`${subject.name}, p = ${p}`, done++, total, () => network(subject, p));
  networks.push({ subject, p, result });
}
const sweepCases: Case[] = [];
for (const { subject, p } of swept) {
  const result = await step(`sweep: ${subject.name}, p = ${p}`, done++, total, () => network(subject, p));
  sweepCases.push(result.cases[0]!);
}
const atFullWidth: typeof networks = [];
for (const subject of wanting) {
  const work = () => network(subject, subject.p);
  const result = await step(`at full width: ${subject.name}, p = ${subject.p}`, done++, total, work);
  atFullWidth.push({ subject, p: subject.p, result });
}
const ablations: Ablation[] = [];
for (const subject of dissected) {
  const overhead = networks.find((n) => n.subject === subject)!.result.cases[0]!.tac.measured;
  ablations.push(
    await step(`parts of TAC: ${subject.name}`, done++, total, () =>
      remembered(
        `${subject.name}-ablation`,
        files(subject),
        { ...settings(subject), chips: subject.chips, overhead },
        () => ablate(subject, subject.p, overhead),
      ),
    ),
  );
}
const lenet = subjects[0]!;
const thickness = await step("oxide thickness to accuracy", done++, total, () =>
  remembered("thickness", [...files(lenet), deviceFile], { ...settings(lenet), chips: lenet.chips }, () =>
    thicknessToAccuracy(lenet),
  ),
);
const theorems = await step("theorems", done++, total, () =>
  remembered("theorems", [], settings(lenet), () => Promise.resolve(checkTheorems())),
);

if (flags.only === undefined) {
  const inTable = new Set(networks.map(({ subject, p }) => `${subject.name}-${p}`));
  const cases = [
    ...networks.flatMap(({ result }) => result.cases),
    ...sweepCases.filter((c) => !inTable.has(`${c.network}-${c.p}`)),
  ];
  const results: Results = {
    networks,
    atFullWidth,
    cases,
    sweep: sweepCases,
    ablations,
    thickness,
    theorems,
  };
  for (const { subject, result } of networks) drawNetwork(subject, result);
  const figures = new Map([
    ["prediction", predictionChart(cases)],
    ["sweep", sweepChart(sweepCases)],
    ["thickness", thicknessToAccuracyChart(thickness)],
  ]);
  for (const [name, svg] of figures) writeWhole(`docs/figures/results-${name}.svg`, svg);
  writeWhole("docs/results.md", resultsPage(results));
  process.stderr.write(
    `docs/results.md and its figures written after ${((Date.now() - started) / 60_000).toFixed(1)} min.\n`,
  );
}
