import { gzipSync } from "node:zlib";
import { afterAll, describe, expect, it } from "vitest";
import { dataFiles } from "../../test/data-files.ts";
import { classLabels } from "./dataset.ts";
import { formatNpy } from "./npy.ts";
import { formatNpz } from "./npz.ts";
import { readDataset, type DataRequest } from "./read.ts";

const { file, read, refusal, remove } = dataFiles();
afterAll(remove);

/** An IDX file: two zeros, the type, the number of axes, big-endian sizes, data. */
function idx(type: number, dims: readonly number[], data: readonly number[]): Buffer {
  const head = Buffer.alloc(4 + 4 * dims.length);
  head.writeUInt8(type, 2);
  head.writeUInt8(dims.length, 3);
  dims.forEach((d, i) => head.writeUInt32BE(d, 4 + 4 * i));
  return Buffer.concat([head, Buffer.from(data)]);
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

  it("are chosen from an archive, whose y is an input where labels are given", async () => {
    const y = { dims: [2], data: Uint8Array.of(1, 0) };
    const test = { dims: [2, 2], data: Float32Array.of(9, 8, 7, 6) };
    const npz = file("mnist.npz", formatNpz({ x_train: x, x_test: test, y_test: y }));
    const found = await read({ data: [`${npz}:x_test`], labels: `${npz}:y_test` });
    expect(found.inputs.get("x")).toEqual({ dims: [2], data: test.data });
    expect(found.labels!.data).toEqual(Int32Array.of(1, 0));
    expect((await refusal({ data: [npz] })).message).toMatch(/3 samples in "x_train" but 2 in "x_test"/);
    expect((await refusal({ data: [`${npz}:x`] })).message).toMatch(
      /no array "x"; it has x_train, x_test, y_test/,
    );
    const both = file("both.npz", formatNpz({ x: test, y }));
    expect([...(await read({ data: [both], labels: `${npz}:y_test` })).inputs.keys()]).toEqual(["x", "y"]);
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
    ["rate", /--feed rate is not NAME=VALUE/],
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
    ["a quote inside a cell", 'a,b\n1"x",2\n', undefined, /is not a table/],
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
    const more = file("more.csv", "1\n2\n0\n1\n");
    expect((await refusal({ data, labels: more })).message).toMatch(
      /3 samples, but more\.csv has more labels/,
    );
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
    ["damaged YAML", { data: [path], preprocessing: "{mean: [" }, /not valid JSON or YAML/],
  ])("%s", async (_, request, message) => {
    expect((await refusal(request)).message).toMatch(message);
  });
});
