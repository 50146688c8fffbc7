import { mkdirSync } from "node:fs";
import { join } from "node:path";
import sharp from "sharp";
import { afterAll, describe, expect, it } from "vitest";
import { dataFiles } from "../../test/data-files.ts";
import { formatNpy } from "./npy.ts";
import { readDataset } from "./read.ts";

const { folder, file, read, refusal, remove } = dataFiles();
afterAll(remove);

describe("folders of images", () => {
  /** An image whose pixels are a function of their place. */
  const image = (
    width: number,
    height: number,
    channels: 1 | 3 | 4,
    at: (x: number, y: number, c: number) => number,
  ) =>
    sharp(
      Uint8Array.from({ length: width * height * channels }, (_, i) => {
        const pixel = Math.floor(i / channels);
        return at(pixel % width, Math.floor(pixel / width), i % channels);
      }),
      { raw: { width, height, channels } },
    );
  const plain = (value: number) =>
    image(4, 4, 3, () => value)
      .png()
      .toBuffer();

  it("have one class a subfolder, in the order of their names, an image of each in turn", async () => {
    for (const [name, value] of [
      ["zebra/b", 1],
      ["zebra/a", 2],
      ["Ant/deep/c", 3],
      ["bee/d", 4],
      ["bee/e", 5],
    ] as const)
      file(`animals/${name}.png`, await plain(value));
    file("animals/zebra/notes.txt", "not an image");
    file("animals/.hidden.png", "nothing");
    const { dataset, classNames } = await readDataset({ data: [join(folder, "animals")] });
    expect(classNames).toEqual(["Ant", "bee", "zebra"]);
    expect(dataset.labels!.data).toEqual(Int32Array.of(0, 1, 2, 1, 2));
    const { dims, data } = dataset.inputs.get("x")!;
    expect(dims).toEqual([3, 4, 4]);
    expect([0, 1, 2, 3, 4].map((n) => Number(data[n * 48]))).toEqual([3, 4, 2, 5, 1]);
    const two = await read({ data: [join(folder, "animals")], limit: 2 });
    expect([two.count, two.labels!.data]).toEqual([2, Int32Array.of(0, 1)]);
    const preprocessing = "{classes: [zebra, bee, cat, Ant]}";
    const ordered = await readDataset({ data: [join(folder, "animals")], preprocessing });
    expect(ordered.dataset.labels!.data).toEqual(Int32Array.of(3, 1, 0, 1, 0));
  });

  it("may have their labels in a table or an array", async () => {
    for (const [name, value] of [
      ["c", 30],
      ["a", 10],
      ["b", 20],
    ] as const)
      file(`flat/${name}.png`, await plain(value));
    const data = [join(folder, "flat")];
    expect((await read({ data })).labels).toBeUndefined();
    const labels = file("flat.csv", "id,colour,kind\nb,red,7\nc.png,blue,9\n");
    const found = await read({ data, labels });
    expect([found.labels!.data, found.inputs.get("x")!.data[0]]).toEqual([Int32Array.of(7, 9), 20]);
    const named = await readDataset({ data, labels, labelColumn: "colour" });
    expect([named.dataset.labels!.data, named.classNames]).toEqual([Int32Array.of(1, 0), ["blue", "red"]]);
    const array = file("flat.npy", formatNpy({ dims: [3], data: Uint8Array.of(1, 2, 3) }));
    const ordered = await read({ data, labels: array });
    expect([ordered.labels!.data, ordered.inputs.get("x")!.data[0]]).toEqual([Int32Array.of(1, 2, 3), 10]);
    const lost = file("lost.csv", "id,kind\nb,1\nnowhere.png,7\n");
    expect((await refusal({ data, labels: lost })).message).toMatch(/names the image "nowhere\.png"/);
  });

  it("are resized, cropped and normalised in colour or grey", async () => {
    // A ramp along each axis: linear interpolation leaves it a ramp away from the edges.
    file(
      "ramp/r.png",
      await image(32, 16, 3, (x, y, c) => (c === 0 ? 8 * x : c === 1 ? 8 * y : 40))
        .png()
        .toBuffer(),
    );
    const data = [join(folder, "ramp")];
    const half = await read({ data, preprocessing: "{resize: 8, crop: 4}" });
    expect(half.inputs.get("x")!.dims).toEqual([3, 4, 4]);
    const pixels = half.inputs.get("x")!.data as Uint8Array;
    // Half the size: pixel i is the mean of 2 i and 2 i + 1; the crop starts at (8 - 4) / 2 and (16 - 4) / 2.
    for (const [row, column] of [
      [0, 0],
      [1, 2],
      [3, 3],
    ] as const) {
      const at = 4 * row + column;
      expect(Math.abs(pixels[at]! - 8 * (2 * (6 + column) + 0.5))).toBeLessThanOrEqual(1);
      expect(Math.abs(pixels[16 + at]! - 8 * (2 * (2 + row) + 0.5))).toBeLessThanOrEqual(1);
      expect(pixels[32 + at]).toBe(40);
    }
    const raw = { crop: [16, 32] };
    const prepared = async (settings: object) => {
      const preprocessing = JSON.stringify({ ...raw, ...settings });
      return (await read({ data, preprocessing })).inputs.get("x")!;
    };
    const grey = await prepared({ colour: "grey", layout: "nhwc" });
    expect(grey.dims).toEqual([16, 32, 1]);
    // ITU-R BT.601: 0.299 R + 0.587 G + 0.114 B, rounded.
    expect(grey.data[5 * 32 + 3]).toBe(Math.round(0.299 * 24 + 0.587 * 40 + 0.114 * 40));
    const last = await prepared({ layout: "nhwc", mean: [0.5, 0, 0], std: [1, 1, 2], scale: 1 / 200 });
    expect(last.dims).toEqual([16, 32, 3]);
    const found = Array.from({ length: 3 }, (_, c) => Number(last.data[3 * (5 * 32 + 3) + c]));
    [24 / 200 - 0.5, 40 / 200, 40 / 200 / 2].forEach((v, c) => expect(found[c]).toBeCloseTo(v, 6));
  });

  it("read a published configuration, and take their size from the model", async () => {
    file(
      "ramp/r.png",
      await image(32, 16, 3, (x, y, c) => (c === 0 ? 8 * x : c === 1 ? 8 * y : 40))
        .png()
        .toBuffer(),
    );
    const data = [join(folder, "ramp")];
    const published = file(
      "preprocessor_config.json",
      JSON.stringify({
        image_processor_type: "ViTImageProcessor",
        do_resize: true,
        size: { height: 6, width: 5 },
        resample: 3,
        do_rescale: true,
        rescale_factor: 1 / 255,
        do_normalize: true,
        image_mean: [0.5, 0.5, 0.5],
        image_std: [0.5, 0.5, 0.5],
      }),
    );
    const { dims, data: values } = (await read({ data, preprocessing: published })).inputs.get("x")!;
    expect(dims).toEqual([3, 6, 5]);
    expect(values[2 * 30 + 7]).toBeCloseTo((40 / 255 - 0.5) / 0.5, 6);
    const square = JSON.stringify({ size: 4, do_normalize: false });
    expect((await read({ data, preprocessing: square })).inputs.get("x")!.dims).toEqual([3, 4, 4]);
    const cropped = JSON.stringify({ size: 8, crop_size: { height: 4, width: 6 }, do_rescale: false });
    const kept = (await read({ data, preprocessing: cropped })).inputs.get("x")!;
    expect([kept.dims, kept.data[2 * 24]]).toEqual([[3, 4, 6], 40]);
    const sized = async (...shape: (number | string)[]) =>
      (await read({ data, declared: () => shape })).inputs.get("x")!.dims;
    expect(await sized("N", 3, 10, 12)).toEqual([3, 10, 12]);
    expect(await sized("N", 8, 8, 1)).toEqual([8, 8, 1]);
    expect(await sized("N", 3, "H", "W")).toEqual([3, 16, 32]);
  });

  it("of all kinds give three channels of bytes", async () => {
    const path = (name: string) => join(folder, name);
    file(
      "kinds/a-grey.png",
      await image(4, 4, 1, (x) => 10 * x)
        .png()
        .toBuffer(),
    );
    file(
      "kinds/b-alpha.png",
      await image(4, 4, 4, (x, _, c) => (c === 3 ? 128 : 10 * x))
        .png()
        .toBuffer(),
    );
    file(
      "kinds/c-deep.png",
      await image(4, 4, 3, (x) => 10 * x)
        .toColourspace("rgb16")
        .png()
        .toBuffer(),
    );
    file(
      "kinds/d.webp",
      await image(4, 4, 3, (x) => 10 * x)
        .webp({ lossless: true })
        .toBuffer(),
    );
    file(
      "kinds/e.jpg",
      await image(4, 4, 3, () => 77)
        .jpeg({ quality: 100 })
        .toBuffer(),
    );
    const ramp = image(4, 4, 3, (x) => 10 * x);
    file("kinds/f.gif", await ramp.clone().gif().toBuffer());
    file("kinds/g.tiff", await ramp.clone().tiff({ compression: "lzw" }).toBuffer());
    file("kinds/h.tif", await ramp.clone().tiff({ bigtiff: true, compression: "none" }).toBuffer());
    const { inputs } = await read({ data: [path("kinds")] });
    const { dims, data } = inputs.get("x")!;
    expect(dims).toEqual([3, 4, 4]);
    for (const n of [0, 1, 2, 3, 5, 6, 7])
      for (let c = 0; c < 3; c++)
        expect(Array.from(data.slice(48 * n + 16 * c, 48 * n + 16 * c + 4), Number)).toEqual([0, 10, 20, 30]);
    expect(data[48 * 4]).toBe(77);
  });

  it("name what is wrong", async () => {
    const good = await plain(9);
    file("cut/a.png", good);
    file("cut/b.png", good.subarray(0, good.length - 20));
    expect((await refusal({ data: [join(folder, "cut")] })).message).toMatch(/Image b\.png cannot be read/);
    const svg = '<svg xmlns="http://www.w3.org/2000/svg" width="4" height="4"/>';
    const avif = await image(4, 4, 3, () => 1)
      .avif({ lossless: true })
      .toBuffer();
    for (const [name, bytes] of [
      ["a.avif", avif],
      ["b.png", avif],
      ["c.svg", svg],
      ["d.jpg", svg],
      ["e.png", ""],
    ] as const) {
      file(`${name}-alone/${name}`, bytes);
      expect(await refusal({ data: [join(folder, `${name}-alone`)] })).toMatchObject({
        code: "invalid-file",
        message: `Image ${name} does not begin as PNG, JPEG, WebP, GIF or TIFF do; convert it to one of them, mend it or remove it.`,
      });
    }
    file("sizes/a.png", good);
    file(
      "sizes/b.png",
      await image(5, 4, 3, () => 1)
        .png()
        .toBuffer(),
    );
    expect((await refusal({ data: [join(folder, "sizes")] })).message).toMatch(
      /Image b\.png has shape \[3, 4, 5\] but a\.png has \[3, 4, 4\]/,
    );
    expect(
      (await refusal({ data: [join(folder, "sizes")], preprocessing: "{resize: 4, crop: 8}" })).message,
    ).toMatch(/a\.png is 4 x 4 .* smaller than the crop of 8 x 8/);
    mkdirSync(join(folder, "classes/empty"), { recursive: true });
    expect((await refusal({ data: [join(folder, "classes")] })).message).toMatch(
      /empty .*class without images/,
    );
    expect((await refusal({ data: [join(folder, "classes/empty")] })).message).toMatch(/has no images/);
    const preprocessing = "{mean: [1, 2]}";
    expect((await refusal({ data: [join(folder, "ramp")], preprocessing })).message).toMatch(
      /2 numbers in "mean"/,
    );
  });
});
