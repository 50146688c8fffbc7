/**
 * @file Folds the mean shift that errors cause into biases: errors of weights and non-linearities behind them move the
 * mean of what a layer puts out, and a bias moves it back at no cost at inference.
 */
import { sliceDataset } from "../data/index.ts";
import { openMemoryReader, runStages, type StageValue } from "../engine/index.ts";
import { biasPlaces, elementCount, type BiasPlace } from "../onnx/index.ts";
import { QtamlError } from "../errors.ts";
import type { Plan, PlanCheck, PlanShift } from "../protect/index.ts";
import { meanInterval, momentsOf, standardDeviation } from "../stats/index.ts";
import { cleanNetwork, isAssessment, type Assessment, type Survey } from "../assessment/index.ts";
import {
  checkByGaussian,
  isGaussian,
  isLarge,
  type CheckOptions,
  type GaussianCheck,
} from "./gaussian-check.ts";
import { planProtection, storeByPlan } from "../simulation/index.ts";

/** Draws and inputs that shifts are measured by; fewer in large networks. */
const usual = { draws: 24, inputs: 32 } as const;
const ofLarge = { draws: 8, inputs: 16 } as const;
/** Memory that the copies may take, in bytes; fewer inputs where they would take more. */
const mostBytes = 2 ** 30;
/** Samples of up to so many elements leave no layer that could take as much. */
const smallSample = 4096;
/** Ordinals of draws from here on are not those of any check. */
const firstDraw = 2 ** 20;

/** Share of a measured shift that goes into the bias: all of it gains as much in the mean, and less surely. */
const foldedShare = 0.5;

/** Digits of a shift in a plan: finer than the draws can tell. */
const digits = 6;

/** Neighbours of a value that share a channel. */
function innerCount({ axis }: BiasPlace, { dims }: StageValue): number {
  return axis === "last" ? 1 : elementCount(dims.slice(2));
}

/** Mean of each channel over batches. */
export function channelMeans(place: BiasPlace, batches: readonly StageValue[]): Float64Array {
  const { channels } = place;
  const sums = new Float64Array(channels);
  let count = 0;
  for (const batch of batches) {
    const inner = innerCount(place, batch);
    const { values } = batch;
    for (let i = 0, c = 0; i < values.length; i += inner, c = (c + 1) % channels)
      for (let k = i; k < i + inner; k++) sums[c]! += values[k]!;
    count += values.length / channels;
  }
  return sums.map((sum) => sum / count);
}

/** What the mean of each channel lacks, on average over copies with errors. @param copies the clean one first */
export function meanShift(
  place: BiasPlace,
  [wanted, ...drawn]: readonly (readonly StageValue[])[],
): Float64Array {
  const shift = channelMeans(place, wanted!);
  for (const batches of drawn)
    channelMeans(place, batches).forEach((mean, c) => (shift[c]! -= mean / drawn.length));
  return shift;
}

/** Adds a number to each channel, in place. */
function addToChannels(place: BiasPlace, batches: readonly StageValue[], shift: ArrayLike<number>): void {
  for (const batch of batches) {
    const inner = innerCount(place, batch);
    const { values } = batch;
    for (let i = 0, c = 0; i < values.length; i += inner, c = (c + 1) % place.channels)
      for (let k = i; k < i + inner; k++) values[k]! += shift[c]!;
  }
}

/** The layers of a network whose biases can be shifted. */
function placesOf({ judged, storage }: Assessment): BiasPlace[] {
  // Biases in the memory would be behind the errors that they are to correct.
  if (storage.biases) return [];
  return biasPlaces(judged.model, new Set(judged.tensors.map((t) => t.runtimeName)));
}

/** Inputs whose values fit the memory in all copies, as one sample tells; 0 where not even one does. */
async function inputsThatFit(filled: Assessment, cuts: readonly string[], copies: number): Promise<number> {
  const { judged, calibration } = filled;
  const one = sliceDataset(calibration!.inputs, 0, 1);
  const elements = Array.from(one.inputs.values(), ({ data }) => data.length).reduce((a, b) => a + b, 0);
  if (elements <= smallSample) return Infinity;
  const { weights } = cleanNetwork(filled);
  const bytes = await runStages(judged, one, {
    cuts,
    copies: 1,
    weightsOf: (_, tensors) => tensors.map((t) => weights[t]!),
    visit: () => undefined,
  });
  return Math.floor(mostBytes / (bytes * copies));
}

/**
 * What to add to biases so that the mean of every layer's output comes back toward that of the clean network. Layer by
 * layer from the front, under Gaussian errors of the predicted strength in all weights: each shift is measured where those
 * before it are undone.
 *
 * @param share of each measured shift to add
 * @param filled the memory as the plan fills it, with calibration data
 * @throws QtamlError when the network does not run
 */
export async function measureShifts(
  filled: Assessment,
  plan: Plan,
  { seed = 0 }: CheckOptions,
  share = foldedShare,
): Promise<readonly PlanShift[]> {
  const places = placesOf(filled);
  const { judged, memory, calibration } = filled;
  const { draws, inputs: most } = isLarge(filled) ? ofLarge : usual;
  const cuts = places.map(({ layer }) => layer);
  const inputs = Math.min(most, await inputsThatFit(filled, cuts, 1 + draws));
  if (inputs === 0) return [];
  const { weights: clean } = cleanNetwork(filled);
  const protection = planProtection(plan);
  const errorsOf = (tensors: readonly number[]) => {
    const flips = tensors.map((t) => memory[t]!.flips);
    const content = { tensors: tensors.map((t) => judged.tensors[t]!), flips, designFlips: flips, seed };
    return openMemoryReader(content, "gaussian");
  };
  let errors: ReturnType<typeof errorsOf> | undefined;
  const shifts: PlanShift[] = [];
  await runStages(judged, sliceDataset(calibration!.inputs, 0, inputs), {
    cuts,
    copies: 1 + draws,
    // The first copy is clean.
    weightsOf(cut, tensors, copy) {
      if (copy === 0) {
        errors = errorsOf(tensors);
        return tensors.map((t) => clean[t]!);
      }
      errors!.draw(firstDraw + cut * draws + copy - 1);
      return errors!.read(tensors.map((t) => protection[t]!)).weights;
    },
    visit(cut, copies) {
      const place = places[cut]!;
      const shift = meanShift(place, copies);
      for (const batches of copies.slice(1)) addToChannels(place, batches, shift);
      const values = Array.from(shift, (s) => Number((share * s).toPrecision(digits)));
      shifts.push({ layer: place.layer, values });
    },
  });
  return shifts;
}

/** What folding adds to the score under the same draws. */
export type FoldingGain = NonNullable<PlanCheck["folding"]>;

/** A plan with what its check says of it. */
export interface CheckedPlan {
  readonly plan: Plan;
  readonly check: GaussianCheck;
  /** Where its biases are shifted. */
  readonly gain?: FoldingGain;
}

/**
 * A plan with biases folded, where its check says that this keeps more, by more than the standard error of the difference
 * under the same draws. These are others than those the shifts were measured by.
 *
 * @param check of the plan as it is
 * @returns the plan as it is where folding is not shown to be better
 */
export async function foldBiases(
  assessment: Assessment,
  plan: Plan,
  check: GaussianCheck,
  options: CheckOptions,
): Promise<CheckedPlan> {
  const sign = check.higherIsBetter ? 1 : -1;
  const asItIs = { plan, check };
  if (sign * (check.clean - check.score) <= 0) return asItIs;
  let shifts: readonly PlanShift[];
  try {
    shifts = await measureShifts(storeByPlan(assessment, plan), plan, options);
  } catch (error) {
    // A network that does not run layer by layer keeps its biases.
    if (error instanceof QtamlError && error.code === "unsupported-model") return asItIs;
    throw error;
  }
  if (shifts.length === 0) return asItIs;
  const folded = { ...plan, shifts };
  const [own] = await checkByGaussian(storeByPlan(assessment, folded), [planProtection(plan)], options);
  const differences = own!.scores.map((score, i) => score - check.scores[i]!);
  const moments = momentsOf(differences);
  const { estimate: gain, low, high } = meanInterval(moments);
  const error = standardDeviation(moments) / Math.sqrt(differences.length);
  return sign * gain > error ? { plan: folded, check: own!, gain: { gain, low, high } } : asItIs;
}

/** A plan that records its check. */
export function withCheck({ plan, check, gain }: CheckedPlan): Plan {
  const { score, low, high, clean, measure } = check;
  const folding = gain === undefined ? {} : { folding: gain };
  return {
    ...plan,
    predicted: { ...plan.predicted, check: { measure, clean, score, low, high, ...folding } },
  };
}

/**
 * A plan of any policy with biases folded where this keeps more (`foldBiases`), and with its check.
 *
 * @throws QtamlError `invalid-argument` where shifts cannot be measured: without inputs, for codes of more than 8 bits, or
 *   with biases in the memory
 */
export async function foldedPlan(survey: Survey, plan: Plan, options: CheckOptions): Promise<Plan> {
  if (!isAssessment(survey) || survey.calibration === undefined) {
    throw new QtamlError(
      "invalid-argument",
      "Shifts of biases are measured on inputs: give --data (labels are not needed), or leave --fold-biases out.",
    );
  }
  if (survey.storage.biases) {
    throw new QtamlError(
      "invalid-argument",
      "Biases in the memory are behind the errors that shifting them is to correct; leave --biases or --fold-biases out.",
    );
  }
  if (!isGaussian(survey)) {
    throw new QtamlError(
      "invalid-argument",
      "Shifts of biases are measured for codes of at most 8 bits, and this memory holds 16-bit codes, or shapes and indices; store weights as int8 (--format int8), or leave --fold-biases out.",
    );
  }
  const [check] = await checkByGaussian(survey, [planProtection(plan)], options);
  return withCheck(await foldBiases(survey, plan, check!, options));
}
