/** @file The explorer on the shipped network, for pictures and measurements of itself. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { assess } from "../src/assessment/index.ts";
import { symmetricFlips } from "../src/channel/index.ts";
import { readModel } from "../src/cli/files.ts";
import { readDataset } from "../src/data/index.ts";
import { startServer, type Opened, type RunningServer } from "../src/server/index.ts";

const zoo = join(import.meta.dirname, "../zoo");

/** The shipped network in a memory that loses a tenth of its bits, with images to judge it by. */
export async function shippedNetwork(
  onProgress: (stage: string, done: number, total: number) => void = () => undefined,
): Promise<Opened> {
  const read = async (name: string, limit?: number) =>
    (await readDataset({ data: [join(zoo, name)], limit })).dataset;
  const assessment = await assess(readModel(join(zoo, "lenet.onnx")), {
    flips: (bits) => symmetricFlips(0.1, bits),
    calibration: await read("fashion-mnist-calibration-256.npz"),
    jacobian: { onProgress: (done, total) => onProgress("Jacobian", done, total) },
  });
  return {
    assessment,
    data: await read("fashion-mnist-test-2000.npz", 1000),
    warnings: [],
  };
}

/** A server of it, on any free port. */
export function openShipped(): Promise<RunningServer> {
  return startServer({
    source: {
      name: "lenet.onnx",
      memory: { flips: { p01: 0.1, p10: 0.1 }, device: null },
      open: shippedNetwork,
    },
    port: 0,
  });
}

/** Where Chromium is. @throws Error where there is none */
export function chromiumPath(): string {
  const path = [process.env["CHROMIUM"], "/usr/bin/chromium", "/usr/bin/google-chrome"].find(
    (place) => place !== undefined && existsSync(place),
  );
  if (path === undefined)
    throw new Error("There is no browser: apt-get install chromium, or name one in CHROMIUM.");
  return path;
}
