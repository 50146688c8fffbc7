/**
 * @file Folds the mean shift that errors cause into biases: errors of weights and non-linearities behind them move the
 * mean of what a layer puts out, and a bias moves it back at no cost at inference.
 */
import { sliceDataset } from "../data/index.ts";
import { openMemoryReader, runStages, type StageValue } from "../engine/index.ts";
import { biasPlaces, elementCount, type BiasPlace } from "../onnx/index.ts";
import type { Plan } from "../protect/index.ts";
import { meanInterval, momentsOf, standardDeviation } from "../stats/index.ts";
import { cleanNetwork, type Assessment } from "../assessment/index.ts";
import { checkByGaussian, type CheckOptions, type GaussianCheck } from "./gaussian-check.ts";
import { planProtection, storeByPlan } from "../simulation/index.ts";

/** Draws and inputs that shifts are measured by; fewer in networks of more weights than this. */
const usual = { draws: 24, inputs: 32 } as const;
const ofLarge = { draws: 8, inputs: 16 } as const;
const largeWeights = 2e6;
/** Ordinals of draws from here on are not those of any check. */
const firstDraw = 2 ** 20;

/** Share of a measured shift that goes into the bias: all of it overshoots on the chips whose layers shift least. */
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
): Promise<Plan["shifts"]> {
  const places = placesOf(filled);
  const { judged, memory, calibration } = filled;
  const count = memory.reduce((sum, tensor) => sum + tensor.count, 0);
  const { draws, inputs } = count > largeWeights ? ofLarge : usual;
  const { weights: clean } = cleanNetwork(filled);
  const protection = planProtection(plan);
  const errorsOf = (tensors: readonly number[]) => {
    const flips = tensors.map((t) => memory[t]!.flips);
    const content = { tensors: tensors.map((t) => judged.tensors[t]!), flips, designFlips: flips, seed };
    return openMemoryReader(content, "gaussian");
  };
  let errors: ReturnType<typeof errorsOf> | undefined;
  const shifts: Plan["shifts"] = [];
  await runStages(judged, sliceDataset(calibration!.inputs, 0, inputs), {
    cuts: places.map(({ layer }) => layer),
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
    visit(cut, [wanted, ...drawn]) {
      const place = places[cut]!;
      const shift = channelMeans(place, wanted!);
      for (const batches of drawn)
        channelMeans(place, batches).forEach((mean, c) => (shift[c]! -= mean / draws));
      for (const batches of drawn) addToChannels(place, batches, shift);
      const values = Array.from(shift, (s) => Number((share * s).toPrecision(digits)));
      shifts.push({ layer: place.layer, values });
    },
  });
  return shifts;
}

/** What folding adds to the score under the same draws. */
export type FoldingGain = NonNullable<NonNullable<Plan["predicted"]["check"]>["folding"]>;

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
): Promise<{ plan: Plan; check: GaussianCheck; gain?: FoldingGain }> {
  const sign = check.higherIsBetter ? 1 : -1;
  const asItIs = { plan, check };
  if (sign * (check.clean - check.score) <= 0) return asItIs;
  const shifts = await measureShifts(storeByPlan(assessment, plan), plan, options);
  if (shifts.length === 0) return asItIs;
  const folded = { ...plan, shifts };
  const [own] = await checkByGaussian(storeByPlan(assessment, folded), [planProtection(plan)], options);
  const differences = own!.scores.map((score, i) => score - check.scores[i]!);
  const moments = momentsOf(differences);
  const { estimate: gain, low, high } = meanInterval(moments);
  const error = standardDeviation(moments) / Math.sqrt(differences.length);
  return sign * gain > error ? { plan: folded, check: own!, gain: { gain, low, high } } : asItIs;
}
