/**
 * @file Chips and images: how much of a score's variance comes from which, and how many images a chip should be judged
 * on so that the mean over chips is known best for the time.
 */
import { QtamlError } from "../errors.ts";
import { momentsOf, sampleVariance } from "./moments.ts";

/** Variances of a score at two levels. */
export interface TwoLevelVariances {
  /** Variance between chips that were judged on endless images: what more images cannot lower. */
  readonly between: number;
  /** Variance of one image's score within a chip, beyond what the image adds to that of every chip. */
  readonly within: number;
}

/**
 * Components of variance from a balanced pilot whose chips were all judged on the same disjoint parts of the images
 * (two-way analysis of variance with one observation a cell; Searle, Casella and McCulloch, Variance Components, 1992,
 * section 4.3). What parts have in common over chips, how hard their images are, is in neither component: a control
 * takes it off. Unbiased but for `between`, which is cut at 0.
 *
 * @param parts [chips][parts] scores, each the mean over `imagesPerPart` images; at least 2 by 2
 * @throws QtamlError `invalid-argument` for fewer, or chips with different numbers of parts
 */
export function twoLevelVariances(
  parts: readonly (readonly number[])[],
  imagesPerPart: number,
): TwoLevelVariances {
  const width = parts[0]?.length ?? 0;
  if (parts.length < 2 || width < 2 || parts.some((p) => p.length !== width)) {
    throw new QtamlError(
      "invalid-argument",
      "A pilot needs at least two chips, each judged on the same number of parts, two or more.",
    );
  }
  const ofChips = parts.map((own) => momentsOf(own).mean);
  const ofParts = parts[0]!.map((_, j) => momentsOf(parts.map((own) => own[j]!)).mean);
  const chips = momentsOf(ofChips);
  let squares = 0;
  parts.forEach((own, i) =>
    own.forEach((score, j) => (squares += (score - ofChips[i]! - ofParts[j]! + chips.mean) ** 2)),
  );
  const partVariance = squares / ((parts.length - 1) * (width - 1));
  return {
    between: Math.max(0, sampleVariance(chips) - partVariance / width),
    within: partVariance * imagesPerPart,
  };
}

/** What a chip costs, in any one unit. */
export interface TwoLevelCosts {
  /** Once a chip: drawing faults, loading weights. */
  readonly chip: number;
  /** Once an image of a chip. */
  readonly image: number;
}

/** How many images a chip is judged on. */
export interface TwoLevelDesign {
  readonly images: number;
  /** By how much the same precision is reached faster than with all images a chip. */
  readonly gain: number;
}

/**
 * The number of images a chip that makes the mean over chips best known for its cost: with m of N images the variance
 * of a chip's score is `between + within/m`, its cost `chip + m image`, and their product is least at
 * `m = sqrt(chip/image * within/between)` (Cochran, Sampling Techniques, 1977, section 10.6), cut to 1 to N.
 *
 * @param variances of scores between chips, and between images of a chip
 * @param total N, images at hand
 */
export function optimalImages(
  { between, within }: TwoLevelVariances,
  costs: TwoLevelCosts,
  total: number,
): TwoLevelDesign {
  const price = (m: number) => (costs.chip + m * costs.image) * (between + within / m);
  const best = Math.sqrt((costs.chip / costs.image) * (within / between));
  // No variance at all, or none between chips, leaves nothing to choose by: all images.
  const whole = Number.isFinite(best) ? Math.min(total, Math.max(1, best)) : total;
  const [low, high] = [Math.floor(whole), Math.ceil(whole)];
  const images = price(low) < price(high) ? low : high;
  const gain = price(total) / price(images);
  return { images, gain: Number.isFinite(gain) ? gain : 1 };
}
