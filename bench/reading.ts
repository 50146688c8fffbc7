/**
 * @file What reading a large model costs: a float32 model of a gigabyte, and the same weights as safetensors, made in a
 * temporary folder. `npm run bench:reading [megabytes]`; prints Markdown tables. Times are those of the
 * processor (user and system) in the fastest of five runs, files in the page cache; the machine's limits are measured in
 * the same run.
 */
import { spawnSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, rmSync, statSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create, toBinary } from "@bufbuild/protobuf";
import {
  GraphProtoSchema,
  ModelProtoSchema,
  OperatorSetIdProtoSchema,
  StringStringEntryProtoSchema,
  TensorProto_DataLocation,
  type ModelProto,
} from "onnx-buf";
import { inspect, survey } from "../src/assessment/index.ts";
import { symmetricFlips } from "../src/channel/index.ts";
import { fileSource, streamRange, wholeSource, type ByteRange, type ByteSource } from "../src/bytes/index.ts";
import {
  DataType,
  deferRawData,
  floatTensor,
  forEachTensor,
  makeNode,
  makeValueInfo,
  modelFiles,
  openModel,
  openSafetensors,
  tensorFloats,
} from "../src/onnx/index.ts";

const megabytes = Number(process.argv[2] ?? 1024);
const folder = mkdtempSync(join(tmpdir(), "qtaml-bench-"));

/** Widths of square matrices: one of a quarter of all weights, the others ever smaller. */
function widths(): number[] {
  const side = Math.sqrt((megabytes * 2 ** 20) / 4);
  return [1 / 4, 1 / 4, 1 / 8, 1 / 8, 1 / 8, 1 / 16, 1 / 16].map((share) =>
    Math.floor(side * Math.sqrt(share)),
  );
}

/** Roughly normal weights, the same in every run. */
function weights(count: number, seed: number): Float32Array<ArrayBuffer> {
  const data = new Float32Array(count);
  let state = seed;
  const next = () => (state = (Math.imul(state, 1664525) + 1013904223) | 0) / 2 ** 31;
  for (let i = 0; i < count; i++) data[i] = 0.01 * (next() + next() + next());
  return data;
}

/** A chain of matrix products, its weights given by sources. */
function chain(sources: readonly ByteSource[]): ModelProto {
  const initializer = sources.map((source, i) => {
    const width = widths()[i]!;
    const tensor = floatTensor(`layer${i}.weight`, [width, width], new Float32Array(0));
    deferRawData(tensor, { source, offset: 0, length: source.byteLength });
    return tensor;
  });
  return create(ModelProtoSchema, {
    irVersion: 8n,
    opsetImport: [create(OperatorSetIdProtoSchema, { version: 17n })],
    graph: create(GraphProtoSchema, {
      name: "bench",
      node: initializer.map((w, i) => makeNode("MatMul", [`x${i}`, w.name], [`y${i}`])),
      input: initializer.map((w, i) => makeValueInfo(`x${i}`, DataType.FLOAT, ["N", Number(w.dims[0])])),
      output: initializer.map((_, i) => makeValueInfo(`y${i}`, DataType.FLOAT)),
      initializer,
    }),
  });
}

function write(path: string, ranges: Iterable<ByteRange | Uint8Array>): void {
  const file = openSync(path, "w");
  for (const range of ranges) {
    for (const piece of range instanceof Uint8Array ? [range] : streamRange(range)) {
      for (let at = 0; at < piece.byteLength;) at += writeSync(file, piece, at);
    }
  }
  closeSync(file);
}

/** Writes the model, the same with external data, and the same as safetensors. */
function makeFiles() {
  const data = join(folder, "model.data");
  const file = openSync(data, "w");
  widths().forEach((width, i) => writeSync(file, new Uint8Array(weights(width * width, i + 1).buffer)));
  closeSync(file);
  const all = fileSource(data, "Weights");
  let at = 0;
  const sources = widths().map((width): ByteSource => {
    const start = at;
    at += width * width * 4;
    return {
      byteLength: width * width * 4,
      readInto: (offset, target) => all.readInto(start + offset, target),
    };
  });
  const model = chain(sources);
  const inside = join(folder, "model.onnx");
  write(inside, modelFiles(model, "unused").model);
  const outside = join(folder, "external.onnx");
  let offset = 0;
  forEachTensor(model, (tensor) => {
    const length = Number(tensor.dims[0]) * Number(tensor.dims[1]) * 4;
    tensor.rawData = new Uint8Array(0);
    tensor.dataLocation = TensorProto_DataLocation.EXTERNAL;
    tensor.externalData = Object.entries({ location: "model.data", offset, length }).map(([key, value]) =>
      create(StringStringEntryProtoSchema, { key, value: String(value) }),
    );
    offset += length;
  });
  write(outside, [toBinary(ModelProtoSchema, model)]);
  const flat = join(folder, "model.safetensors");
  let end = 0;
  const header = Object.fromEntries(
    widths().map((width, i) => {
      const begin = end;
      end += width * width * 4;
      return [`layer${i}.weight`, { dtype: "F32", shape: [width, width], data_offsets: [begin, end] }];
    }),
  );
  const text = new TextEncoder().encode(JSON.stringify(header));
  const start = new Uint8Array(8);
  new DataView(start.buffer).setBigUint64(0, BigInt(text.byteLength), true);
  write(flat, [start, text, wholeSource(all)]);
  return { inside, outside, flat, data };
}

const processorSeconds = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
};

/** Processor seconds of the fastest of five runs. */
function fastest(task: () => void): number {
  let best = Infinity;
  for (let i = 0; i < 5; i++) {
    const start = processorSeconds();
    task();
    best = Math.min(best, processorSeconds() - start);
  }
  return best;
}

function consume(pieces: Iterable<ArrayLike<number>>): void {
  let sum = 0;
  for (const piece of pieces) sum += piece[0]!;
  if (Number.isNaN(sum)) throw new Error("a weight is NaN");
}

/** Peak resident memory and processor time of `qtaml inspect`, from the kernel's account of the process. */
function inspectProcess(path: string): { seconds: number; peakMegabytes: number } {
  const main = join(import.meta.dirname, "..", "src", "cli", "main.ts");
  const report =
    'process.on("exit",()=>{const u=process.cpuUsage();process.stderr.write("PEAK "+/VmHWM:\\s+(\\d+)/.exec(require("fs").readFileSync("/proc/self/status","utf8"))[1]+" CPU "+(u.user+u.system))})';
  const preload = join(folder, "peak.cjs");
  write(preload, [new TextEncoder().encode(report)]);
  const run = spawnSync(process.execPath, ["-r", preload, main, "inspect", path, "--p", "0.01"], {
    encoding: "utf8",
  });
  if (run.status !== 0) throw new Error(run.stderr);
  return {
    seconds: Number(/CPU (\d+)/.exec(run.stderr)![1]) / 1e6,
    peakMegabytes: Number(/PEAK (\d+)/.exec(run.stderr)![1]) / 1024,
  };
}

try {
  const { inside, outside, flat, data } = makeFiles();
  const count = widths().reduce((sum, width) => sum + width * width, 0);
  const largest = (Math.max(...widths()) ** 2 * 4) / 2 ** 20;
  const options = { flips: (bits: number) => symmetricFlips(0.01, bits) };
  const law = (path: string) => () => {
    const given = path === flat ? openSafetensors(path) : openModel(path);
    inspect(survey(given, options));
  };
  const channelLaw = () => {
    survey(openModel(inside), { ...options, storage: { granularity: "channel" } });
  };
  const block = new Uint8Array(64 * 2 ** 20);
  const other = new Uint8Array(block.byteLength);
  const copies = Math.ceil((4 * count) / block.byteLength);
  const rows: [string, number][] = [
    [
      "limit: plain read of the file from the page cache",
      fastest(() => consume(streamRange(wholeSource(fileSource(data, "Weights"))))),
    ],
    [
      "limit: copy in memory (memcpy)",
      (fastest(() => {
        for (let i = 0; i < copies; i++) other.set(block);
      }) *
        4 *
        count) /
        (copies * block.byteLength),
    ],
    ["open: scan the ONNX file", fastest(() => void openModel(inside))],
    [
      "read every float32 weight",
      fastest(() => {
        for (const t of openModel(inside).model.graph.initializer) consume(tensorFloats(t));
      }),
    ],
    ["**read, find, quantise (int8), law: ONNX**", fastest(law(inside))],
    ["the same, external data", fastest(law(outside))],
    ["the same, safetensors", fastest(law(flat))],
    ["read, find, quantise (int8, one step a channel)", fastest(channelLaw)],
    ["SHA-256 of the file (plans)", fastest(() => void openModel(inside).sha256)],
  ];
  console.log(
    `${(count / 1e6).toFixed(0)} million float32 weights in ${widths().length} tensors, ${(statSync(inside).size / 1e9).toFixed(2)} GB; the largest has ${largest.toFixed(0)} MiB.\n`,
  );
  console.log("| step | seconds | million weights/s | GB/s |\n|---|---|---|---|");
  for (const [name, seconds] of rows) {
    const rate = name.startsWith("open")
      ? ["", ""]
      : [(count / seconds / 1e6).toFixed(0), ((4 * count) / seconds / 1e9).toFixed(1)];
    console.log(`| ${name} | ${seconds.toFixed(3)} | ${rate.join(" | ")} |`);
  }
  console.log(
    `\n| \`qtaml inspect\` | seconds, with start-up | peak resident MiB | aim: below |\n|---|---|---|---|`,
  );
  for (const [name, path] of [
    ["ONNX", inside],
    ["external data", outside],
    ["safetensors", flat],
  ] as const) {
    const { seconds, peakMegabytes } = inspectProcess(path);
    console.log(
      `| ${name} | ${seconds.toFixed(2)} | ${peakMegabytes.toFixed(0)} | ${(1.5 * largest + 200).toFixed(0)} |`,
    );
  }
} finally {
  rmSync(folder, { recursive: true });
}
