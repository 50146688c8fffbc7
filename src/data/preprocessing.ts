/**
 * @file How images become samples: resized, cropped, in grey or colour, scaled and normalised. Read from a file of
 * our own fields, or from the `preprocessor_config.json` that vision models are published with.
 */
import { z } from "zod";
import { QtamlError } from "../errors.ts";

/** Height and width. */
export type Size = readonly [number, number];

/** How images become samples. */
export interface Preprocessing {
  /** A number: the shorter side, the other in proportion. Two: height and width. */
  readonly resize?: number | Size;
  /** Height and width that are cut out of the middle. */
  readonly crop?: Size;
  readonly interpolation: "nearest" | "bilinear" | "bicubic" | "lanczos";
  readonly colour?: "rgb" | "grey";
  readonly layout?: "nchw" | "nhwc";
  /** What a byte is multiplied by; undefined where bytes stay bytes. */
  readonly scale?: number;
  /** Subtracted after scaling, one number or one a channel; then divided by `std`. */
  readonly mean?: readonly number[];
  readonly std?: readonly number[];
  /** The classes in order, where that is not the order of their names. */
  readonly classes?: readonly string[];
}

const side = z
  .number()
  .int()
  .min(1)
  .max(1 << 14);
const pair = z.tuple([side, side]);
const perChannel = z.union([z.number(), z.array(z.number()).min(1).max(4)]);

const ownSchema = z.strictObject({
  resize: z.union([side, pair]).optional(),
  crop: z.union([side, pair]).optional(),
  interpolation: z.enum(["nearest", "bilinear", "bicubic", "lanczos"]).optional(),
  colour: z.enum(["rgb", "grey"]).optional(),
  layout: z.enum(["nchw", "nhwc"]).optional(),
  scale: z.number().positive().optional(),
  mean: perChannel.optional(),
  std: perChannel.optional(),
  classes: z.array(z.string()).min(1).optional(),
});

const publishedSize = z.union([
  side,
  z.object({ shortest_edge: side }),
  z.object({ height: side, width: side }),
]);

/** The fields of a published `preprocessor_config.json` that matter; others are ignored. */
const publishedSchema = z.object({
  do_resize: z.boolean().optional(),
  size: publishedSize.optional(),
  /** Numbers of the Python Imaging Library. */
  resample: z.union([z.literal(0), z.literal(1), z.literal(2), z.literal(3)]).optional(),
  do_center_crop: z.boolean().optional(),
  crop_size: publishedSize.optional(),
  do_rescale: z.boolean().optional(),
  rescale_factor: z.number().positive().optional(),
  do_normalize: z.boolean().optional(),
  image_mean: perChannel.nullish(),
  image_std: perChannel.nullish(),
  do_pad: z.literal(false).nullish(),
  crop_pct: z.null().optional(),
  do_flip_channel_order: z.literal(false).nullish(),
});

const publishedNames = [
  "do_resize",
  "do_normalize",
  "do_rescale",
  "image_mean",
  "image_std",
  "crop_size",
  "size",
];

const list = (value: number | readonly number[]) => (typeof value === "number" ? [value] : value);

function fromPublished(given: z.infer<typeof publishedSchema>): Preprocessing {
  const { size, crop_size: crop, resample, rescale_factor: factor, image_mean, image_std } = given;
  const cropped =
    crop === undefined || given.do_center_crop === false
      ? undefined
      : typeof crop === "number"
        ? ([crop, crop] as const)
        : "height" in crop
          ? ([crop.height, crop.width] as const)
          : ([crop.shortest_edge, crop.shortest_edge] as const);
  let resize: number | Size | undefined;
  if (size !== undefined && given.do_resize !== false) {
    // A bare number is the shorter side where a crop follows, and the side of a square where none does.
    if (typeof size === "number") resize = cropped === undefined ? [size, size] : size;
    else resize = "height" in size ? [size.height, size.width] : size.shortest_edge;
  }
  const isNormalised = given.do_normalize !== false;
  return {
    ...(resize === undefined ? {} : { resize }),
    ...(cropped === undefined ? {} : { crop: cropped }),
    interpolation: (["nearest", "lanczos", "bilinear", "bicubic"] as const)[resample ?? 2],
    scale: given.do_rescale === false ? 1 : (factor ?? 1 / 255),
    ...(isNormalised && image_mean !== undefined && image_mean !== null ? { mean: list(image_mean) } : {}),
    ...(isNormalised && image_std !== undefined && image_std !== null ? { std: list(image_std) } : {}),
  };
}

function fromOwn(given: z.infer<typeof ownSchema>): Preprocessing {
  const { crop, interpolation = "bilinear", mean, std, scale, resize, colour, layout, classes } = given;
  return {
    interpolation,
    ...(resize === undefined ? {} : { resize }),
    ...(crop === undefined ? {} : { crop: typeof crop === "number" ? [crop, crop] : crop }),
    ...(colour === undefined ? {} : { colour }),
    ...(layout === undefined ? {} : { layout }),
    ...(classes === undefined ? {} : { classes }),
    ...(mean === undefined ? {} : { mean: list(mean) }),
    ...(std === undefined ? {} : { std: list(std) }),
    ...(scale === undefined && mean === undefined && std === undefined ? {} : { scale: scale ?? 1 / 255 }),
  };
}

/**
 * Preprocessing from the content of a file: our own fields, or those of a published `preprocessor_config.json`.
 *
 * @param name what to call the file in an error
 * @throws QtamlError `invalid-schema` for an unknown field or a value outside its range
 */
export function parsePreprocessing(content: unknown, name: string): Preprocessing {
  const isPublished =
    typeof content === "object" && content !== null && publishedNames.some((key) => key in content);
  const found = isPublished ? publishedSchema.safeParse(content) : ownSchema.safeParse(content);
  if (!found.success) {
    const issue = found.error.issues[0]!;
    const place = issue.path.join(".");
    throw new QtamlError(
      "invalid-schema",
      `${name}${place === "" ? "" : `: "${place}"`} does not describe how images are prepared (${issue.message}); see docs/data.md for the fields.`,
    );
  }
  const result = isPublished
    ? fromPublished(found.data as z.infer<typeof publishedSchema>)
    : fromOwn(found.data as z.infer<typeof ownSchema>);
  if (result.std?.some((v) => !(v > 0)) === true) {
    throw new QtamlError(
      "invalid-schema",
      `${name}: the standard deviations must be greater than 0; mend "std".`,
    );
  }
  return result;
}

/** No preprocessing: bytes stay bytes. */
export const noPreprocessing: Preprocessing = { interpolation: "bilinear" };

/**
 * Declared shape of an image input as defaults: layout, colour and the size that images are resized and cropped to.
 *
 * @param declared [N, C, H, W] or [N, H, W, C] with one or three channels; anything else says nothing
 */
export function withDefaults(
  given: Preprocessing,
  declared: readonly (number | string | undefined)[] | undefined,
): Preprocessing & { readonly colour: "rgb" | "grey"; readonly layout: "nchw" | "nhwc" } {
  const isChannels = (d: number | string | undefined) => d === 1 || d === 3;
  const shape = declared?.length === 4 ? declared : [];
  const layout = given.layout ?? (!isChannels(shape[1]) && isChannels(shape[3]) ? "nhwc" : "nchw");
  const [channels, height, width] =
    layout === "nchw" ? [shape[1], shape[2], shape[3]] : [shape[3], shape[1], shape[2]];
  const colour = given.colour ?? (channels === 1 ? "grey" : "rgb");
  const isOpen = given.resize === undefined && given.crop === undefined;
  if (!isOpen || typeof height !== "number" || typeof width !== "number") return { ...given, layout, colour };
  return { ...given, layout, colour, crop: [height, width] };
}

/**
 * Where an image of a size is resized to, and what is cut out of it. A crop without a resize first resizes the image
 * just enough to cover it.
 */
export function geometry(
  size: Size,
  { resize, crop }: Pick<Preprocessing, "resize" | "crop">,
): { readonly scaled: Size; readonly cut: { top: number; left: number; height: number; width: number } } {
  const [height, width] = size;
  const shorter = Math.min(height, width);
  const toShorter = (length: number): Size => [
    Math.floor((height * length) / shorter),
    Math.floor((width * length) / shorter),
  ];
  let scaled: Size = size;
  if (typeof resize === "number") scaled = toShorter(resize);
  else if (resize !== undefined) scaled = resize;
  else if (crop !== undefined) {
    const factor = Math.max(crop[0] / height, crop[1] / width);
    scaled = [Math.max(crop[0], Math.round(height * factor)), Math.max(crop[1], Math.round(width * factor))];
  }
  const [h, w] = crop ?? scaled;
  return {
    scaled,
    cut: { top: Math.floor((scaled[0] - h) / 2), left: Math.floor((scaled[1] - w) / 2), height: h, width: w },
  };
}

/**
 * Scales and normalises bytes or numbers: `(value * scale - mean) / std`, channel by channel.
 *
 * @param channelOf the channel of an element by its index
 * @throws QtamlError `data-mismatch` when there is not one mean or deviation, nor one a channel
 */
export function normalise(
  values: ArrayLike<number>,
  { scale = 1, mean = [0], std = [1] }: Pick<Preprocessing, "scale" | "mean" | "std">,
  channels: number,
  channelOf: (index: number) => number,
): Float32Array {
  for (const [what, numbers] of [
    ["mean", mean],
    ["std", std],
  ] as const) {
    if (numbers.length !== 1 && numbers.length !== channels) {
      throw new QtamlError(
        "data-mismatch",
        `The preprocessing has ${numbers.length} numbers in "${what}" for ${channels} channels; give one, or one a channel.`,
      );
    }
  }
  const each = (numbers: readonly number[]) =>
    Array.from({ length: channels }, (_, c) => numbers[numbers.length === 1 ? 0 : c]!);
  const [means, deviations] = [each(mean), each(std)];
  const out = new Float32Array(values.length);
  for (let i = 0; i < out.length; i++) {
    const channel = channelOf(i);
    out[i] = (values[i]! * scale - means[channel]!) / deviations[channel]!;
  }
  return out;
}
