import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { fixtureBytes } from "../../test/build-model.ts";
import { noiseImages } from "../../test/trials.ts";
import { assess } from "../assessment/index.ts";
import { symmetricFlips } from "../channel/index.ts";
import { formatNpz, readDataset, type Dataset } from "../data/index.ts";
import { openSimulation } from "./simulate.ts";

describe("what identifies a simulation's data", () => {
  it("is their content, wherever the files lie", async () => {
    const file = { name: "lenet.onnx", bytes: fixtureBytes("lenet") };
    const assessment = await assess(file, { flips: (bits) => symmetricFlips(0.1, bits) });
    const digestOf = async (data: Dataset) => {
      const simulation = await openSimulation(assessment, data, { threads: 1 });
      await simulation.close();
      return simulation.identity.data.sha256;
    };
    const folder = mkdtempSync(join(tmpdir(), "qtaml-identity-"));
    mkdirSync(join(folder, "other"));
    const at = async (path: string, seed: number) => {
      const { dims, data } = noiseImages(4, seed).inputs.get("x")!;
      writeFileSync(join(folder, path), formatNpz({ x: { dims: [4, ...dims], data } }));
      return digestOf((await readDataset({ data: [join(folder, path)] })).dataset);
    };
    const here = await at("test.npz", 1);
    expect(await at("other/images.npz", 1)).toBe(here);
    expect(await at("test.npz", 2)).not.toBe(here);
    rmSync(folder, { recursive: true });
  });
});
