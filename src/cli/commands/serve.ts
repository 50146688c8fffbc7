/** @file `qtaml serve`: the explorer as a local page. */
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { startServer } from "../../server/index.ts";
import { flipsFromFlags, hasFlips } from "../memory.ts";
import { say, sayJson } from "../output.ts";
import {
  assessFromFlags,
  requireGraph,
  measureFromFlags,
  type AssessFlags,
  type MeasureFlags,
} from "./shared.ts";

/** Flags of `qtaml serve`. */
export interface ServeFlags extends AssessFlags, MeasureFlags {
  readonly port: number;
}

const zoo = fileURLToPath(new URL("../../../zoo/", import.meta.url));

/** Without a model the shipped one is shown, on shipped images. */
function withShipped(model: string | undefined, flags: ServeFlags): readonly [string, ServeFlags] {
  if (model !== undefined) return [model, flags];
  return [
    join(zoo, "lenet.onnx"),
    {
      ...flags,
      data: flags.data ?? [join(zoo, "fashion-mnist-test-2000.npz")],
      calibration: flags.calibration ?? [join(zoo, "fashion-mnist-calibration-256.npz")],
      limit: flags.limit ?? 1000,
    },
  ];
}

/** A stress test: what the explorer starts from where nothing is said of the memory. */
const usualFlip = 0.1;

/** Runs the command until it is interrupted. */
export async function runServe(given: string | undefined, flags: ServeFlags): Promise<void> {
  const [model, shipped] = withShipped(given, flags);
  const own = hasFlips(shipped) ? shipped : { ...shipped, p: usualFlip };
  requireGraph(model, "serve");
  const described = flipsFromFlags(own);
  const { device, report } = described;
  const server = await startServer({
    port: flags.port,
    settings: { ...(await measureFromFlags(flags)), threads: flags.threads },
    source: {
      name: basename(model),
      memory: {
        flips: { p01: report.p01, p10: report.p10 },
        device: device.direct === null ? device : null,
      },
      open: async (onProgress) => ({
        warnings: report.warnings,
        ...(await assessFromFlags(model, own, { update: onProgress, stop: () => undefined }, described)),
      }),
    },
  });
  if (flags.json === true) sayJson({ url: server.url });
  else {
    say(`The explorer of ${basename(model)} is at ${server.url}`);
    say("It answers on this machine alone. Ctrl-C ends it.");
  }
  await new Promise<void>((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => resolve());
  });
  await server.close();
}
