/** @file The shipped networks do what their cards and the table in zoo/README.md say. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { assess } from "../src/assessment/index.ts";
import { openSimulation } from "../src/simulation/index.ts";
import { symmetricFlips } from "../src/channel/index.ts";
import { readModel } from "../src/cli/files.ts";
import { readDataset, sliceDataset } from "../src/data/index.ts";
import { inferLogits } from "../src/engine/index.ts";
import { DataType } from "../src/onnx/index.ts";
import { builtInMeasure, scoreOf, tally } from "../src/measure/index.ts";
import { inRepository } from "./cli-run.ts";

const testFiles = ["zoo/fashion-mnist-test-2000.npz", "zoo/watch-test-1008.npz"];
const [images, recordings] = await Promise.all(
  testFiles.map(async (path) => (await readDataset({ data: [inRepository(path)] })).dataset),
);

/** The rows of the table of networks: name, parameters as exported, test split, shipped, shipped with int8 weights by tensor and by channel. */
const rows = Array.from(
  readFileSync(inRepository("zoo/README.md"), "utf8").matchAll(
    /^\| `([\w-]+)` \| ([\d,]+) \| ([\d.]+) % \| ([\d.]+) % \| ([\d.]+) % \| ([\d.]+) % \|$/gm,
  ),
  ([, name, parameters, split, shipped, tensor, channel]) => ({
    name: name!,
    parameters: parameters!,
    split: Number(split),
    shipped: Number(shipped),
    tensor: Number(tensor),
    channel: Number(channel),
  }),
);

/** The rows of the table of networks of full width. */
const large = Array.from(
  readFileSync(inRepository("zoo/README.md"), "utf8").matchAll(
    /^\| `([\w-]+)` \| [\d,]+ \| ([\d.]+) % \| ([\d.]+) % \| ([\d.]+) % \|$/gm,
  ),
  ([, name, split, shipped, first]) => ({
    name: name!,
    split: Number(split),
    shipped: Number(shipped),
    first: Number(first),
  }),
);

/**
 * Percentage points that the accuracy of `samples` answers may be off: figures are rounded to 0.01 points, and
 * kernels of other versions and processors add in another order, which may turn the answer of two samples whose
 * largest logits are equal to some 1e-6.
 */
const tolerance = (samples: number) => 0.005 + 200 / samples;

describe("the zoo", () => {
  it("has five families on two data sets in the table", () => {
    expect(rows).toHaveLength(10);
  });

  it.each(rows)("$name: the accuracy of its card, and with int8 weights", async ({ name, ...said }) => {
    const data = (name.startsWith("watch-") ? recordings : images)!;
    const file = readModel(inRepository(`zoo/${name}.onnx`));
    const clean = await inferLogits(file.model, data);
    const judge = builtInMeasure("top-1").bind({ clean, labels: data.labels });
    const percent = 100 * scoreOf(judge, tally(judge, clean));
    expect(Math.abs(percent - said.shipped)).toBeLessThanOrEqual(tolerance(data.count));

    const card = readFileSync(inRepository(`zoo/${name}.md`), "utf8");
    const [, split] = /^\| accuracy, (?:test split|held-out).*\| \*\*([\d.]+)%\*\*/m.exec(card)!;
    const [, shipped] = /^\| accuracy, shipped.*\| ([\d.]+)%/m.exec(card)!;
    expect([Number(split), Number(shipped)]).toEqual([said.split, said.shipped]);
    const sizes = file.model.graph.initializer
      .filter(({ dataType }) => dataType === DataType.FLOAT)
      .map(({ dims }) => dims.reduce((product, dim) => product * Number(dim), 1));
    expect(sizes.reduce((sum, size) => sum + size, 0).toLocaleString("en-GB")).toBe(said.parameters);
    expect(card).toContain(`| parameters | ${said.parameters}, as exported |`);

    for (const granularity of ["tensor", "channel"] as const) {
      const flips = (bits: number) => symmetricFlips(0, bits);
      const assessment = await assess(file, { flips, storage: { granularity } });
      const simulation = await openSimulation(assessment, data, { threads: 1 });
      expect(Math.abs(100 * simulation.clean - said[granularity])).toBeLessThanOrEqual(tolerance(data.count));
      await simulation.close();
    }
  });

  it.each(large)(
    "$name, stored as int8: the accuracy of its card and of the first 500 images",
    async (row) => {
      const file = readModel(inRepository(`zoo/${row.name}.onnx`));
      const data = sliceDataset(images!, 0, 500);
      const clean = await inferLogits(file.model, data);
      const judge = builtInMeasure("top-1").bind({ clean, labels: data.labels });
      expect(Math.abs(100 * scoreOf(judge, tally(judge, clean)) - row.first)).toBeLessThanOrEqual(
        tolerance(500),
      );
      const card = readFileSync(inRepository(`zoo/${row.name}.md`), "utf8");
      const [, split] = /^\| accuracy, test split.*\| \*\*([\d.]+)%\*\*/m.exec(card)!;
      const [, shipped] = /^\| accuracy, shipped.*\| ([\d.]+)%/m.exec(card)!;
      expect([Number(split), Number(shipped)]).toEqual([row.split, row.shipped]);
    },
  );

  it("has two networks of full width", () => {
    expect(large.map((row) => row.name)).toEqual(["resnet18", "vgg16"]);
  });
});
