import { describe, expect, it } from "vitest";
import { fixtureBytes } from "../../test/build-model.ts";
import { noiseImages } from "../../test/trials.ts";
import { assess } from "../assessment/index.ts";
import { symmetricFlips } from "../channel/index.ts";
import type { Dataset } from "../data/index.ts";
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
    const images = noiseImages(4, 1);
    const at = (path: string) => digestOf({ ...images, archives: new Map([["x", path]]) });
    const here = await at("test.npz");
    expect(await at("/data/test.npz")).toBe(here);
    expect(await digestOf(images)).toBe(here);
    expect(await digestOf(noiseImages(4, 2))).not.toBe(here);
  });
});
