/**
 * @file `npm run reproduce:correction`: does mean correction help? Ten networks, unprotected under flips that go both ways
 * alike, and partly protected in cells that lose charge. Writes docs/correction.md.
 */
import { openSimulation, type FlipLaw } from "../src/campaign/index.ts";
import { asymmetricFlips, symmetricFlips } from "../src/channel/index.ts";
import { writeWhole } from "../src/cli/files.ts";
import { formatPercent } from "../src/report/index.ts";
import type { Interval } from "../src/stats/index.ts";
import { samples, seed, subjects, type Subject } from "./cases.ts";
import { assessMemory, dataOf } from "./network.ts";
import { table } from "./page.ts";
import { measureReadings, type Readings } from "./reading.ts";

/** A network in a memory, a share of it protected as TAC allots it. */
interface Case {
  readonly subject: Subject;
  /** Name of the memory in the table. */
  readonly memory: string;
  readonly flips: FlipLaw;
  readonly overhead: number;
}

const symmetric = (subject: Subject, p: number, overhead: number): Case => ({
  subject,
  memory: String(p),
  flips: (bits) => symmetricFlips(p, bits),
  overhead,
});
const losing = (subject: Subject, p10: number, overhead: number): Case => ({
  subject,
  memory: `${p10}, ${formatPercent(overhead)} protected`,
  flips: (bits) => asymmetricFlips(0, p10, bits),
  overhead,
});

const unprotected = subjects.flatMap((s) => [s.p, s.otherP, s.lowP].map((p) => symmetric(s, p, 0)));
const chargeLoss = subjects.flatMap((s) => [losing(s, 0.01, 0), losing(s, 0.05, 0.1), losing(s, 0.1, 0.2)]);

async function measure({ subject, flips, overhead }: Case): Promise<Readings> {
  const { test, calibration } = await dataOf(subject);
  const assessment = await assessMemory(subject, flips, calibration);
  const simulation = await openSimulation(assessment, test, { seed });
  try {
    return await measureReadings(assessment, simulation, subject.chips, overhead);
  } finally {
    await simulation.close();
  }
}

const measured: { own: Case; readings: Readings }[] = [];
const all = [...unprotected, ...chargeLoss];
for (const own of all) {
  process.stderr.write(`[${measured.length + 1}/${all.length}] ${own.subject.name}, ${own.memory}\n`);
  measured.push({ own, readings: await measure(own) });
}

const percent = (value: number) => `${(100 * value).toFixed(1)} %`;
const signed = (value: number) => `${value >= 0 ? "+" : ""}${(100 * value).toFixed(1)}`;
const kept = ({ estimate, low, high }: Interval) =>
  `${percent(estimate)} (${percent(low)} to ${percent(high)})`;
const points = ({ estimate, low, high }: Interval) =>
  `${signed(estimate)} (${signed(low)} to ${signed(high)})`;
const rowsOf = (cases: readonly Case[]) =>
  measured
    .filter(({ own }) => cases.includes(own))
    .map(({ own, readings: { stored, correctedGain, chosenGain } }) => [
      `\`${own.subject.name}\``,
      own.memory,
      kept(stored),
      points(correctedGain),
      chosenGain.low === 0 && chosenGain.high === 0 ? "as stored" : points(chosenGain),
    ]);
const header = (memory: string) => ["network", memory, "as stored", "every tensor corrected", "chosen"];
const count = (is: (own: Readings) => boolean) => measured.filter(({ readings }) => is(readings)).length;
const worse = measured.filter(({ readings }) => readings.chosenGain.high < 0);
const most = measured.reduce((a, b) =>
  b.readings.chosenGain.estimate > a.readings.chosenGain.estimate ? b : a,
);
const harm =
  worse.length === 0
    ? "0"
    : `${worse.length} (${worse.map(({ own, readings }) => `\`${own.subject.name}\` at ${own.memory}: ${points(readings.chosenGain)}`).join("; ")})`;

writeWhole(
  "docs/correction.md",
  `# Does mean correction help?

\`npm run reproduce:correction\` makes this page: accuracy kept as stored, and what correcting every tensor, and reading as TAC chooses, bring in points on the same chips (20 on Fashion-MNIST, 40 on the smartwatch; ${samples} test samples; 95 % intervals).

Reading codes as stored leaves a coherent bias: every weight shrinks by the factor of the channel. Undoing it costs nothing at inference but multiplies the noise; which is worse depends on the channel, on the network, and on what is protected.

**The rule** ([tac.md](tac.md#mean-correction)). A first-order prediction proposes the tensors to correct, and the proposal is taken only if Gaussian errors in all weights at once show, beyond their interval, that it keeps more than the memory as stored. No fault is drawn for it.

**The finding.** Of ${measured.length} cases, correcting everything helps beyond the intervals in ${count((own) => own.correctedGain.low > 0)} and does harm in ${count((own) => own.correctedGain.high < 0)}. The chosen reading helps in ${count((own) => own.chosenGain.low > 0)}, by up to ${signed(most.readings.chosenGain.estimate)} points, and does harm in ${harm}; by chance alone one case in forty would seem to. Where flips go both ways alike and nothing is protected there is nothing to win. Where cells lose charge, correction is what keeps the network.

## Flips both ways alike, nothing protected
${table(header("p"), rowsOf(unprotected))}

## Cells that lose charge
Only ones flip, with p10.

${table(header("p10"), rowsOf(chargeLoss))}
`,
);
