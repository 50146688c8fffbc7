import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import sharp from "sharp";
import { afterAll, describe, expect, it } from "vitest";
import { QtamlError } from "../errors.ts";
import { classLabels } from "./dataset.ts";
import { formatNpy } from "./npy.ts";
import { formatNpz } from "./npz.ts";
import { readDataset, type DataRequest } from "./read.ts";

const folder = mkdtempSync(join(tmpdir(), "qtaml-data-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Writes a file below the test's folder and gives its path. */
function file(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
  return path;
}

/** An IDX file: two zeros, the type, the number of axes, big-endian sizes, data. */
function idx(type: number, dims: readonly number[], data: readonly number[]): Buffer {
  const head = Buffer.alloc(4 + 4 * dims.length);
  head.writeUInt8(type, 2);
  head.writeUInt8(dims.length, 3);
  dims.forEach((d, i) => head.writeUInt32BE(d, 4 + 4 * i));
  return Buffer.concat([head, Buffer.from(data)]);
}

const read = async (request: DataRequest) => (await readDataset(request)).dataset;

/** The error of a request, which must be one for the user. */
async function refusal(request: DataRequest): Promise<QtamlError> {
  const error: unknown = await readDataset(request).catch((e: unknown) => e);
  if (!(error instanceof QtamlError)) throw new Error(`not refused: ${JSON.stringify(error)}`);
  expect(error.message).toMatch(/^[^\n]+[.]$/);
  return error;
}

const x = { dims: [3, 2], data: Float32Array.of(1, 2, 3, 4, 5, 6) };

describe("arrays", () => {
  const xPath = file("x.npy", formatNpy(x));
  const yPath = file("y.npy", formatNpy({ dims: [3], data: Int32Array.of(2, 0, 1) }));

  it("of one file are the input x", async () => {
    const { count, inputs, labels } = await read({ data: [xPath], labels: yPath });
    expect(count).toBe(3);
    expect(inputs).toEqual(new Map([["x", { dims: [2], data: x.data }]]));
    expect(classLabels(labels!)).toEqual(Int32Array.of(2, 0, 1));
  });

  it("of several files are inputs by name", async () => {
    const ids = file("ids.npy", formatNpy({ dims: [3, 4], data: new BigInt64Array(12) }));
    const { inputs } = await read({ data: [`ids=${ids}`, `mask=${xPath}`] });
    expect([...inputs.keys()]).toEqual(["ids", "mask"]);
    const npz = file("both.npz", formatNpz({ ids: { dims: [3, 4], data: new BigInt64Array(12) }, mask: x }));
    expect((await read({ data: [npz] })).inputs).toEqual(inputs);
  });

  it("are limited to the first samples, with their labels", async () => {
    const { count, inputs, labels } = await read({ data: [xPath], labels: yPath, limit: 2 });
    expect([count, inputs.get("x")!.data, labels!.data]).toEqual([
      2,
      Float32Array.of(1, 2, 3, 4),
      Int32Array.of(2, 0),
    ]);
  });

  it("are scaled and normalised channel by channel", async () => {
    const images = file("i.npy", formatNpy({ dims: [1, 2, 1, 2], data: Uint8Array.of(0, 255, 51, 102) }));
    const preprocessing = "{mean: [0, 0.2], std: [0.5, 0.1]}";
    const { data } = (await read({ data: [images], preprocessing })).inputs.get("x")!;
    // Rounded to float32 once: exact values up to 2^-24 of 2.
    [0, 2, 0, 2].forEach((v, i) => expect(data[i]).toBeCloseTo(v, 6));
  });

  it("may have a name with an equals sign", async () => {
    const path = file("a=b.npy", formatNpy(x));
    expect((await read({ data: [path] })).count).toBe(3);
  });
});

describe("constants", () => {
  const data = [file("x.npy", formatNpy(x))];

  it("are numbers, lists, or files", async () => {
    const state = file("state.npy", formatNpy({ dims: [2, 1], data: Float32Array.of(1, 2) }));
    const feed = ["rate=16000", "h=zeros", "on=true", "sizes=640,480", `state=${state}`, "tiny=-1e-3"];
    expect((await read({ data, feed })).constants).toEqual(
      new Map<string, unknown>([
        ["rate", { fill: 16000 }],
        ["h", { fill: 0 }],
        ["on", { fill: 1 }],
        ["sizes", { dims: [2], data: Float64Array.of(640, 480) }],
        ["state", { dims: [2, 1], data: Float32Array.of(1, 2) }],
        ["tiny", { fill: -1e-3 }],
      ]),
    );
  });

  it.each([
    ["rate", /--feed rate has no name/],
    ["rate=fast", /--feed rate=fast is neither/],
    ["rate=", /--feed rate= is neither/],
  ])("%s is refused", async (feed, message) => {
    expect((await refusal({ data, feed: [feed] })).message).toMatch(message);
  });
});

describe("IDX", () => {
  const images = idx(0x08, [2, 2, 3], [0, 1, 2, 3, 4, 5, 250, 251, 252, 253, 254, 255]);
  const labels = idx(0x08, [2], [7, 3]);

  it.each(["", ".gz"])("images and labels are two files%s", async (suffix) => {
    const pack = (bytes: Buffer) => (suffix === "" ? bytes : gzipSync(bytes));
    const request = {
      data: [file(`images-idx3-ubyte${suffix}`, pack(images))],
      labels: file(`labels-idx1-ubyte${suffix}`, pack(labels)),
    };
    const found = await read(request);
    expect(found.inputs.get("x")).toEqual({ dims: [1, 2, 3], data: Uint8Array.from(images.subarray(16)) });
    expect(classLabels(found.labels!)).toEqual(Int32Array.of(7, 3));
    const one = await read({ ...request, limit: 1 });
    expect([one.count, one.inputs.get("x")!.data.length, one.labels!.data]).toEqual([1, 6, Int32Array.of(7)]);
  });

  it("numbers are big-endian", async () => {
    const path = file("wide", idx(0x0d, [2, 1], [0x3f, 0x80, 0, 0, 0xc0, 0, 0, 0]));
    expect((await read({ data: [path] })).inputs.get("x")!.data).toEqual(Float32Array.of(1, -2));
  });

  it.each<[string, Uint8Array, RegExp]>([
    ["cut short", images.subarray(0, 20), /declares 12 bytes of data but has 4: it is cut short/],
    ["without its sizes", images.subarray(0, 9), /is cut short/],
    ["absurdly large", idx(0x08, [2 ** 32 - 1, 2 ** 32 - 1], []), /impossible shape/],
    ["large in a small gzip", gzipSync(idx(0x08, [2 ** 31], [])), /cut short/],
    ["cut short in gzip", gzipSync(images).subarray(0, 30), /is damaged or cut short|is cut short/],
  ])("%s is refused", async (_, bytes, message) => {
    const error = await refusal({ data: [file("bad", bytes)] });
    expect([error.code, error.message]).toEqual(["invalid-file", expect.stringMatching(message)]);
  });
});

describe("CSV", () => {
  const iris = "sepal,petal,species\n5.1,1.4,setosa\n6.0,4.5,versicolor\n\n5.9,5.1,virginica\n";

  it("has features, and labels by name or number of their column", async () => {
    for (const labelColumn of ["species", "2", "-1"]) {
      const path = file("iris.csv", iris);
      const { dataset, classNames } = await readDataset({ data: [path], labelColumn });
      expect(dataset.inputs.get("x")).toEqual({
        dims: [2],
        data: Float64Array.of(5.1, 1.4, 6, 4.5, 5.9, 5.1),
      });
      expect(dataset.labels).toEqual({ dims: [], data: Int32Array.of(0, 1, 2) });
      expect(classNames).toEqual(["setosa", "versicolor", "virginica"]);
    }
  });

  it("without a header, with other separators and compressed", async () => {
    const values = Float64Array.of(1, -2.5e3, 0.5, 4);
    for (const content of ["1,-2500\n.5,4", "\ufeff1;-2.5e3\r\n0.5;4\r\n", "1\t -2500\n0.5\t4\n"]) {
      for (const [name, bytes] of [
        ["plain.csv", content],
        ["packed.csv.gz", gzipSync(content)],
      ] as const) {
        expect((await read({ data: [file(name, bytes)] })).inputs.get("x")).toEqual({
          dims: [2],
          data: values,
        });
      }
    }
    const labelled = await read({ data: [file("l.csv", "1,7\n2,9\n")], labelColumn: "1" });
    expect(labelled.labels!.data).toEqual(Int32Array.of(7, 9));
    const targets = await read({ data: [file("t.csv", "a,y\n1,0.25\n2,3\n")], labelColumn: "y" });
    expect(targets.labels!.data).toEqual(Float32Array.of(0.25, 3));
  });

  it("stops at the limit", async () => {
    const path = file("long.csv", `${Array.from({ length: 5000 }, (_, i) => `${i},1`).join("\n")}\nbroken`);
    expect((await read({ data: [path], limit: 4 })).inputs.get("x")!.data).toHaveLength(8);
    expect((await read({ data: [path], limit: 3000 })).count).toBe(3000);
  });

  it.each<[string, string, string | undefined, RegExp]>([
    ["a missing cell", "a,b\n1,2\n3,\n", undefined, /^Line 3 of t\.csv lacks a value in column "b"/],
    [
      "a word",
      "a,b\n1,2\n\n3,x\n",
      undefined,
      /^Line 4 of t\.csv holds "x" in column "b", which is not a number/,
    ],
    ["NaN", "1,2\n3,NaN\n", undefined, /^Line 2 of t\.csv holds "NaN" in column 1/],
    ["a short line", "a,b\n1,2\n3\n", undefined, /^Line 3 of t\.csv has 1 cells where the first has 2/],
    ["an unknown column", "a,b\n1,2\n", "c", /no column "c" \(it has the columns a, b\)/],
    ["a column beyond", "1,2\n", "2", /no column "2" \(it has 2 columns and no header\)/],
    ["no rows", "a,b\n", undefined, /has no rows/],
    ["labels alone", "y\n1\n", "y", /no columns beside the labels/],
    ["an open quote", 'a,b\n1,"2\n', undefined, /is not a table/],
  ])("with %s is refused", async (_, content, labelColumn, message) => {
    expect((await refusal({ data: [file("t.csv", content)], labelColumn })).message).toMatch(message);
  });
});

describe("labels of their own", () => {
  const data = [file("x.npy", formatNpy(x))];

  it("are an array or a table", async () => {
    const table = file("labels.csv", "name,label\na,2\nb,0\nc,1\n");
    const npz = file("labels.npz", formatNpz({ y: { dims: [3], data: Uint8Array.of(2, 0, 1) } }));
    for (const labels of [table, npz, file("plain.txt", "2\n0\n1\n")]) {
      expect(classLabels((await read({ data, labels })).labels!)).toEqual(Int32Array.of(2, 0, 1));
    }
    const names = await readDataset({ data, labels: file("n.csv", "class\ncat\nant\ncat\n") });
    expect([names.dataset.labels!.data, names.classNames]).toEqual([Int32Array.of(1, 0, 1), ["ant", "cat"]]);
  });

  it("that are too few are refused", async () => {
    const labels = file("few.csv", "1\n2\n");
    expect((await refusal({ data, labels })).message).toMatch(/3 samples, but few\.csv has 2 labels/);
  });
});

describe("what cannot be read", () => {
  const path = file("x.npy", formatNpy(x));
  const two = file("two.npy", formatNpy({ dims: [2, 2], data: new Float32Array(4) }));

  it.each<[string, DataRequest, RegExp]>([
    ["a missing file", { data: ["nowhere.npy"] }, /nowhere\.npy does not exist/],
    ["another kind of file", { data: [file("a.onnx", "model")] }, /a\.onnx is not data that can be read/],
    ["an empty file", { data: [file("empty.npz", "")] }, /not a NumPy \.npz archive/],
    ["unequal counts", { data: [`a=${path}`, `b=${two}`] }, /has 3 samples but .*two\.npy has 2/],
    ["two unnamed inputs", { data: [path, path] }, /Two --data are for the input "x"/],
    ["no data", { data: [] }, /give --data FILE/],
    ["a missing preprocessing file", { data: [path], preprocessing: "no.yaml" }, /no\.yaml does not exist/],
    ["an unknown field", { data: [path], preprocessing: "{mean: 0, colr: grey}" }, /colr/],
    ["a value out of range", { data: [path], preprocessing: "{std: 0}" }, /greater than 0/],
    ["damaged YAML", { data: [path], preprocessing: "{mean: [" }, /not valid YAML/],
  ])("%s", async (_, request, message) => {
    expect((await refusal(request)).message).toMatch(message);
  });
});

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
    const { inputs } = await read({ data: [path("kinds")] });
    const { dims, data } = inputs.get("x")!;
    expect(dims).toEqual([3, 4, 4]);
    for (let n = 0; n < 4; n++)
      for (let c = 0; c < 3; c++)
        expect(Array.from(data.slice(48 * n + 16 * c, 48 * n + 16 * c + 4), Number)).toEqual([0, 10, 20, 30]);
    expect(data[48 * 4]).toBe(77);
  });

  it("name what is wrong", async () => {
    const good = await plain(9);
    file("cut/a.png", good);
    file("cut/b.png", good.subarray(0, good.length - 20));
    expect((await refusal({ data: [join(folder, "cut")] })).message).toMatch(/Image b\.png cannot be read/);
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
