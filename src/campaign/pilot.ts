/**
 * @file A pilot: a few chips that are thrown away, to learn what chips and images cost and vary by, and so how many
 * images a chip should be judged on.
 */
import type { Protection, TrialJob } from "../engine/index.ts";
import { optimalImages, twoLevelVariances, type TwoLevelDesign } from "../stats/index.ts";
import type { ChipTrials } from "../simulation/index.ts";

/** What a pilot found. */
export interface Pilot extends TwoLevelDesign {
  /** Standard deviation of the score between chips judged on endless images, and of one image's within a chip. */
  readonly betweenDeviation: number;
  readonly withinDeviation: number;
  /** Milliseconds a chip under all plans, and an image of it. */
  readonly chipMs: number;
  readonly imageMs: number;
}

const chips = 8;
const partsOfChip = 4;
/** Pilot chips are numbered from here, far from those that count. */
const firstChip = 2 ** 31;

/**
 * Runs the pilot: 8 chips, each on 4 disjoint parts of the images, and each once more on all images of these parts, for
 * the times. The plan that needs the most images decides. Undefined for too few images to divide.
 *
 * @param now a clock in milliseconds that does not jump
 * @throws QtamlError `invalid-argument` where the measure is no mean over images, or what a trial throws
 */
export async function runPilot(
  trials: ChipTrials,
  protections: readonly Protection[],
  { now = () => performance.now(), signal }: { now?: () => number; signal?: AbortSignal | undefined } = {},
): Promise<Pilot | undefined> {
  const images = Math.min(128, Math.floor(trials.samples / partsOfChip));
  trials.parts(trials.samples);
  if (images < 2) return undefined;
  const timed = async (jobs: TrialJob[]) => {
    const start = now();
    const outcomes = await trials.execute(jobs, signal === undefined ? {} : { signal });
    return { outcomes, elapsed: Math.max(now() - start, 1e-3) };
  };
  const job = (chip: number, from: number, count: number): TrialJob => ({
    trial: firstChip + chip,
    protections,
    samples: { from, count },
  });
  const all = Array.from({ length: chips }, (_, chip) => chip);
  // The first trials open models: they are not timed.
  await trials.execute(Array.from({ length: 2 * trials.workers }, (_, i) => job(i, 0, 1)));
  const parts = await timed(
    all.flatMap((chip) => Array.from({ length: partsOfChip }, (_, part) => job(chip, part * images, images))),
  );
  const wholes = await timed(all.map((chip) => job(chip, 0, partsOfChip * images)));
  // parts = 32 (chip + images x), wholes = 8 (chip + 4 images x)
  const partMs = (parts.elapsed * trials.workers) / (chips * partsOfChip);
  const wholeMs = (wholes.elapsed * trials.workers) / chips;
  const imageMs = Math.max((wholeMs - partMs) / ((partsOfChip - 1) * images), wholeMs * 1e-6);
  const chipMs = Math.max(partMs - images * imageMs, 0.01 * partMs);
  const designs = protections.map((_, p) => {
    const scores = all.map((chip) =>
      parts.outcomes
        .slice(chip * partsOfChip, (chip + 1) * partsOfChip)
        .map((outcome) => trials.score(outcome.tallies[p]!)),
    );
    const variances = twoLevelVariances(scores, images);
    const design = optimalImages(variances, { chip: chipMs, image: imageMs }, trials.samples);
    return { variances, design };
  });
  const { variances, design } = designs.reduce((a, b) => (b.design.images > a.design.images ? b : a));
  return {
    ...design,
    betweenDeviation: Math.sqrt(variances.between),
    withinDeviation: Math.sqrt(variances.within),
    chipMs,
    imageMs,
  };
}
