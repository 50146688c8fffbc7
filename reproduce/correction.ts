/**
 * @file `npm run reproduce:correction`: does mean correction help? Ten networks, unprotected under flips that go both ways
 * alike, and partly protected in cells that lose charge. Writes docs/correction.md; an interrupted run goes on where it
 * stopped.
 */
import { writeWhole } from "../src/cli/files.ts";
import { jointConfidence, meanInterval, type Interval } from "../src/stats/index.ts";
import { effort, seed } from "./cases.ts";
import {
  cases,
  chargeLoss,
  measureCorrection,
  unprotected,
  type CorrectionCase,
} from "./correction-cases.ts";
import { table } from "./page.ts";
import type { Readings } from "./reading.ts";
import { correctionStamp, stampLine } from "./stamp.ts";
import { remembered } from "./store.ts";

const measured: { own: CorrectionCase; readings: Readings }[] = [];
for (const own of cases) {
  const { subject, memory, overhead } = own;
  process.stderr.write(`[${measured.length + 1}/${cases.length}] ${subject.name}, ${memory}\n`);
  const readings = await remembered(
    `correction-${subject.name}-${memory.replaceAll(/[ ,%]+/g, "-")}`,
    [subject.model, subject.test],
    { subject, memory, overhead, samples: effort.samples, seed },
    () => measureCorrection(own),
  );
  measured.push({ own, readings });
}

const percent = (value: number) => `${(100 * value).toFixed(1)} %`;
const signed = (value: number) => `${value >= 0 ? "+" : ""}${(100 * value).toFixed(1)}`;
const kept = ({ estimate, low, high }: Interval) =>
  `${percent(estimate)} (${percent(low)} to ${percent(high)})`;
const points = ({ estimate, low, high }: Interval) =>
  `${signed(estimate)} (${signed(low)} to ${signed(high)})`;
const rowsOf = (section: readonly CorrectionCase[]) =>
  measured
    .filter(({ own }) => section.includes(own))
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
/** A difference in kept accuracy as images, at the accuracies of these networks. */
const imagesOf = (difference: number) => Math.abs(difference * effort.samples).toFixed(1);
const harm =
  worse.length === 0
    ? "0"
    : `${worse.length} (${worse.map(({ own, readings }) => `\`${own.subject.name}\` at ${own.memory}: ${points(readings.chosenGain)}, from ${percent(readings.stored.estimate)} to ${percent(readings.chosen.estimate)} of the clean accuracy, and the loss is ${imagesOf(readings.chosenGain.estimate)} of ${effort.samples} images`).join("; ")})`;
const corrected = measured.filter(({ readings }) => readings.chosenDifferences.some((d) => d !== 0));
const confidence = jointConfidence(corrected.length);
const worseJointly = corrected.filter(
  ({ readings }) => meanInterval(readings.chosenDifferences, { confidence }).high < 0,
);
const jointly =
  worseJointly.length === 0
    ? "in none"
    : `in ${worseJointly.length} (${worseJointly.map(({ own }) => `\`${own.subject.name}\` at ${own.memory}`).join("; ")})`;

writeWhole(
  "docs/correction.md",
  `# Does mean correction help?

\`npm run reproduce:correction\` makes this page: accuracy kept as stored, and what correcting every tensor, and reading as TAC chooses, bring in points on the same chips (20 on Fashion-MNIST, 40 on the smartwatch; ${effort.samples} test samples; 95 % intervals).

Reading codes as stored leaves a coherent bias: every weight shrinks by the factor of the channel. Undoing it costs nothing at inference but multiplies the noise; which is worse depends on the channel, on the network, and on what is protected.

**The rule** ([tac.md](tac.md#mean-correction)). A first-order prediction proposes the tensors to correct, and the proposal is taken only if Gaussian errors in all weights at once show, beyond their interval, that it keeps more than the memory as stored, and at least half a per cent of the clean accuracy more. No fault is drawn for it.

**The finding.** Of ${measured.length} cases, correcting everything helps beyond the intervals in ${count((own) => own.correctedGain.low > 0)} and does harm in ${count((own) => own.correctedGain.high < 0)}. The chosen reading helps in ${count((own) => own.chosenGain.low > 0)}, by up to ${signed(most.readings.chosenGain.estimate)} points, and does harm in ${harm}. By chance alone one interval in forty lies below 0; with intervals that hold for all ${corrected.length} corrected cases at once it does harm ${jointly}. Where flips go both ways alike and nothing is protected there is nothing to win. Where cells lose charge, correction is what keeps the network.

## Flips both ways alike, nothing protected
${table(header("p"), rowsOf(unprotected))}

## Cells that lose charge
Only ones flip, with p10.

${table(header("p10"), rowsOf(chargeLoss))}

${stampLine(correctionStamp())}
`,
);
