/** @file A chip of a campaign looked at closely, with the samples it got wrong as pictures. */
import { replayChip } from "../campaign/index.ts";
import type { Dataset, SampleArray } from "../data/index.ts";
import { QtamlError } from "../errors.ts";
import type { Picture, ReplayAnswer, ReplayRequest } from "../explorer/index.ts";
import type { KeptCampaign } from "./campaigns.ts";

/** Samples that are looked at, and pictures that are sent. */
const mostSamples = 500;
const mostPictures = 48;
/** Longest side of a picture in pixels; larger samples are thinned out. */
const longestSide = 96;

/** How the numbers of a sample lie as a picture; undefined where it is none. */
function pictureShape(dims: readonly number[]) {
  const [a, b, c] = dims.length === 3 ? dims : dims.length === 2 ? [1, ...dims] : [];
  if (a === undefined || b === undefined || c === undefined) return undefined;
  if ((a === 1 || a === 3) && b > 3 && c > 3) {
    return {
      channels: a,
      height: b,
      width: c,
      at: (y: number, x: number, k: number) => (k * b + y) * c + x,
    } as const;
  }
  if ((c === 1 || c === 3) && a > 3 && b > 3) {
    return {
      channels: c,
      height: a,
      width: b,
      at: (y: number, x: number, k: number) => (y * b + x) * c + k,
    } as const;
  }
  return undefined;
}

/** A sample as a picture; null where it is none. */
export function pictureOf({ dims, data }: Pick<SampleArray, "dims" | "data">, index: number): Picture | null {
  const shape = pictureShape(dims);
  if (shape === undefined) return null;
  const size = dims.reduce((a, b) => a * b, 1);
  const values = Array.from({ length: size }, (_, i) => Number(data[index * size + i]!));
  const low = values.reduce((a, b) => Math.min(a, b));
  const high = values.reduce((a, b) => Math.max(a, b));
  const step = Math.max(1, Math.ceil(Math.max(shape.height, shape.width) / longestSide));
  const [height, width] = [Math.ceil(shape.height / step), Math.ceil(shape.width / step)];
  const bytes = new Uint8Array(height * width * shape.channels);
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      for (let k = 0; k < shape.channels; k++, i++) {
        const value = values[shape.at(y * step, x * step, k)]!;
        bytes[i] = high > low ? Math.round((255 * (value - low)) / (high - low)) : 0;
      }
    }
  }
  return { width, height, channels: shape.channels, pixels: Buffer.from(bytes).toString("base64") };
}

/** The only input of a data set, whose samples may be pictures. */
function onlyInput({ inputs }: Dataset): SampleArray | undefined {
  return inputs.size === 1 ? [...inputs.values()][0] : undefined;
}

/**
 * Replays a chip of a campaign.
 *
 * @throws QtamlError `invalid-argument` for a campaign that is gone or a plan it does not have
 */
export async function replay(
  campaign: KeptCampaign | undefined,
  { id, plan, chip }: ReplayRequest,
  onProgress: (done: number, total: number) => void,
): Promise<ReplayAnswer> {
  const chosen = campaign?.id === id ? campaign.plans[plan] : undefined;
  if (campaign === undefined || chosen === undefined) {
    throw new QtamlError(
      "invalid-argument",
      "The campaign of this chip is no longer there, or still running: start it again, and look when it has ended.",
    );
  }
  const { assessment, data, request } = campaign;
  const found = await replayChip(assessment, data, chosen, {
    chip,
    seed: request.seed,
    most: mostSamples,
    onProgress,
  });
  const input = onlyInput(data);
  return {
    chip: found.chip,
    samples: found.samples,
    flips: found.flips,
    changed: found.changed.map((sample, i) => ({
      ...sample,
      picture: input === undefined || i >= mostPictures ? null : pictureOf(input, sample.index),
    })),
  };
}
