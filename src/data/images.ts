/**
 * @file Images as samples. Decoded and resized by sharp (libvips), the same on every run; grey is the luma of ITU-R
 * BT.601 in 16 bits, as in the Python Imaging Library.
 */
import type Sharp from "sharp";
import { QtamlError } from "../errors.ts";
import type { SampleArray } from "./dataset.ts";
import { checkMemory } from "./decode.ts";
import { geometry, normalise, type Preprocessing } from "./preprocessing.ts";

/** An image by its name for messages and its encoded bytes. */
export interface ImageFile {
  readonly name: string;
  readonly read: () => Uint8Array;
}

/** Preprocessing with layout and colour settled. */
type Settled = Preprocessing & Required<Pick<Preprocessing, "colour" | "layout">>;

const kernels = { nearest: "nearest", bilinear: "linear", bicubic: "cubic", lanczos: "lanczos3" } as const;

/** Pixels of the largest image, some 8,192 squared: a few bytes can claim an image that fills the memory. */
const mostPixels = 2 ** 26;

/**
 * How files of the formats that are read begin, `?` standing for any byte. sharp knows more formats; the libraries behind
 * those are not given files of strangers.
 */
const signatures = [
  "\x89PNG\r\n\x1a\n",
  "\xff\xd8\xff",
  "RIFF????WEBP",
  "GIF87a",
  "GIF89a",
  "II*\0",
  "MM\0*",
  "II+\0",
  "MM\0+",
];
const hasSignature = (bytes: Uint8Array): boolean =>
  signatures.some((signature) =>
    Array.from(signature, (sign, i) => sign === "?" || sign.charCodeAt(0) === bytes[i]).every(Boolean),
  );
/** Those formats in words. */
export const imageFormats = "PNG, JPEG, WebP, GIF or TIFF";

type SharpModule = typeof Sharp;

/** One image, resized and cropped, as [H, W, 3] bytes. */
interface Pixels {
  readonly height: number;
  readonly width: number;
  readonly pixels: Uint8Array;
}

async function decodeImage(sharp: SharpModule, file: ImageFile, settled: Settled): Promise<Pixels> {
  const bytes = file.read();
  if (!hasSignature(bytes)) {
    throw new QtamlError(
      "invalid-file",
      `Image ${file.name} does not begin as ${imageFormats} do; convert it to one of them, mend it or remove it.`,
    );
  }
  // Colour profiles and marks of orientation are left alone, as training pipelines leave them.
  const image = sharp(bytes, {
    failOn: "truncated",
    ignoreIcc: true,
    pages: 1,
    limitInputPixels: mostPixels,
  });
  const { width, height } = await image.metadata();
  const { scaled, cut } = geometry([height, width], settled);
  if (cut.top < 0 || cut.left < 0) {
    throw new QtamlError(
      "data-mismatch",
      `Image ${file.name} is ${scaled.join(" x ")} (height x width), smaller than the crop of ${cut.height} x ${cut.width}; set "resize" in the preprocessing.`,
    );
  }
  const { data, info } = await image
    .resize(scaled[1], scaled[0], {
      fit: "fill",
      kernel: kernels[settled.interpolation],
      fastShrinkOnLoad: false,
    })
    .extract(cut)
    .toColourspace("srgb")
    .removeAlpha()
    .raw({ depth: "uchar" })
    .toBuffer({ resolveWithObject: true });
  const { channels } = info;
  const pixels =
    channels === 3
      ? data
      : Uint8Array.from(
          { length: (3 * data.length) / channels },
          (_, i) => data[Math.floor(i / 3) * channels]!,
        );
  return { height: cut.height, width: cut.width, pixels };
}

/** Names the image in what goes wrong. */
async function namedImage(sharp: SharpModule, file: ImageFile, settled: Settled): Promise<Pixels> {
  try {
    return await decodeImage(sharp, file, settled);
  } catch (cause) {
    if (cause instanceof QtamlError) throw cause;
    const reason = cause instanceof Error ? cause.message.split("\n")[0]! : String(cause);
    throw new QtamlError(
      "invalid-file",
      `Image ${file.name} cannot be read (${reason}); mend or remove it.`,
      {
        cause,
      },
    );
  }
}

/** [H, W, 3] or, in grey, [H, W, 1] in the order that is asked for. */
function arrange(pixels: Uint8Array, { colour, layout }: Settled): Uint8Array {
  const area = pixels.length / 3;
  if (colour === "grey") {
    const grey = new Uint8Array(area);
    for (let i = 0; i < area; i++) {
      grey[i] =
        (pixels[3 * i]! * 19595 + pixels[3 * i + 1]! * 38470 + pixels[3 * i + 2]! * 7471 + 0x8000) >> 16;
    }
    return grey;
  }
  if (layout === "nhwc") return pixels;
  const planes = new Uint8Array(pixels.length);
  for (let c = 0; c < 3; c++) for (let i = 0; i < area; i++) planes[c * area + i] = pixels[3 * i + c]!;
  return planes;
}

/** Images that are decoded at the same time. */
const lanes = 4;

/**
 * Decodes and prepares images. Bytes stay bytes unless the preprocessing scales or normalises them.
 *
 * @throws QtamlError `invalid-file` for an image that cannot be read, `data-mismatch` when sizes differ
 */
export async function readImages(files: readonly ImageFile[], preprocessing: Settled): Promise<SampleArray> {
  const { default: sharp } = await import("sharp");
  const channels = preprocessing.colour === "grey" ? 1 : 3;
  const { layout, scale } = preprocessing;
  let data: Uint8Array | Float32Array | undefined;
  let dims: number[] = [];
  let area = 0;
  for (let from = 0; from < files.length; from += lanes) {
    const group = files.slice(from, from + lanes);
    // All are waited for, so that the first of several bad images is named on every run.
    const settled = await Promise.allSettled(group.map((file) => namedImage(sharp, file, preprocessing)));
    const images = settled.map((result) => {
      if (result.status === "rejected") throw result.reason;
      return result.value;
    });
    for (const [i, { height, width, pixels }] of images.entries()) {
      const own = layout === "nchw" ? [channels, height, width] : [height, width, channels];
      if (data === undefined) {
        dims = own;
        area = height * width;
        const size = files.length * channels * area;
        checkMemory(size * (scale === undefined ? 1 : 4), "The folder of images");
        data = scale === undefined ? new Uint8Array(size) : new Float32Array(size);
      } else if (own.join() !== dims.join()) {
        throw new QtamlError(
          "data-mismatch",
          `Image ${group[i]!.name} has shape [${own.join(", ")}] but ${files[0]!.name} has [${dims.join(", ")}]; set "resize" and "crop" in the preprocessing.`,
        );
      }
      const bytes = arrange(pixels, preprocessing);
      const channelOf = layout === "nchw" ? (k: number) => Math.floor(k / area) : (k: number) => k % channels;
      data.set(
        scale === undefined ? bytes : normalise(bytes, preprocessing, channels, channelOf),
        (from + i) * bytes.length,
      );
    }
  }
  return { dims, data: data ?? new Uint8Array(0) };
}
