/**
 * @file How long until the mean accuracy over chips is known to one point at 95 %, here and in PyTorch:
 * `npm run bench:peers -- [--python peers/bin/python] [--seconds 15] [NETWORK ...]`. The same network and images, int8 with one step
 * a tensor, the top bit of every weight protected (the two top bits of MobileNets, which guess otherwise), p = 0.1
 * (transformers 0.05); two threads each. PYTHON has torch, numpy,
 * onnx and, for the tools, pytorchfi and mrfi. Needs two free cores. Prints a Markdown table.
 *
 * A peer is timed on as many chips as fit into `--seconds`; what it would take in all is its start, and the time of a
 * chip times the chips that Student's interval needs at the standard deviation that it measured. Ours is the wall time
 * of the whole command.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { z } from "zod";
import { requiredChips } from "../../src/stats/index.ts";
import { smallNetworks, usualFlip, zooFolder } from "../zoo.ts";

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: { python: { type: "string" }, seconds: { type: "string" }, bare: { type: "boolean" } },
});
const halfWidth = 0.01;
const root = join(zooFolder, "..");
const folder = mkdtempSync(join(tmpdir(), "qtaml-peers-"));

function run(command: string, args: readonly string[]): { seconds: number; text: string } {
  const start = performance.now();
  const { stdout, stderr, status } = spawnSync(command, args, { encoding: "utf8", maxBuffer: 2 ** 28 });
  const seconds = (performance.now() - start) / 1000;
  if (stdout === "" || status === null) throw new Error(`${command} ${args.join(" ")}: ${stderr}`);
  return { seconds, text: stdout };
}

const peerSchema = z.object({
  clean: z.number(),
  mean: z.number(),
  deviation: z.number(),
  startSeconds: z.number(),
  chipSeconds: z.number(),
});
const ownSchema = z.object({ chips: z.number(), clean: z.number(), accuracy: z.number() });

const topBits = (network: string) => (network.includes("mobilenet") ? 2 : 1);
const maskOf = (network: string) => (topBits(network) === 2 ? "0xc0" : "0x80");

function peer(network: string, tool: string) {
  const args = [
    join(import.meta.dirname, "peers.py"),
    network,
    "--p",
    String(usualFlip(network)),
    "--mask",
    maskOf(network),
  ];
  const { text } = run(flags.python ?? "peers/bin/python", [
    ...args,
    "--tool",
    tool,
    "--seconds",
    flags.seconds ?? "15",
  ]);
  const found = peerSchema.parse(JSON.parse(text));
  const chips = requiredChips(found.deviation, halfWidth);
  return { ...found, chips, seconds: found.startSeconds + chips * found.chipSeconds };
}

function own(network: string, images: string) {
  const program = join(root, "dist", "cli", "main.js");
  const model = join(zooFolder, `${network}.onnx`);
  const file = network.startsWith("watch") ? "watch-test-1008.npz" : "fashion-mnist-test-2000.npz";
  const plan = join(folder, `${network}.json`);
  const p = String(usualFlip(network));
  const share = String(topBits(network) / 8);
  const planned = ["--p", p, "--policy", "uniform-msp", "--budget", share, "--json", "-o", plan];
  run(process.execPath, [program, "plan", model, ...planned]);
  const until = ["--until", `planned ±${halfWidth}`, "--trials", "5000", "--images", images];
  const verified = ["--plan", plan, "--data", join(zooFolder, file), ...until, "--json", "--quiet"];
  const { seconds, text } = run(process.execPath, [program, "verify", model, ...verified]);
  return { ...ownSchema.parse(JSON.parse(text)), seconds };
}

const columns = [
  "network",
  "accuracy here / loop",
  "qtaml, all images",
  "qtaml, `--images auto`",
  "loop",
  "MRFI",
  "PyTorchFI",
  "faster than loop",
  "MRFI",
  "PyTorchFI",
];
if (flags.bare !== true) console.log(`| ${columns.join(" | ")} |\n|${"---|".repeat(columns.length)}`);
for (const network of positionals.length > 0 ? positionals : smallNetworks) {
  const [all, auto] = [own(network, "all"), own(network, "auto")];
  const [loop, mrfi, pytorchfi] = ["loop", "mrfi", "pytorchfi"].map((tool) => peer(network, tool));
  if (Math.abs(all.clean - loop!.clean) > 0.003)
    throw new Error(`${network}: the clean networks differ (${all.clean}, ${loop!.clean}).`);
  const best = Math.min(all.seconds, auto.seconds);
  const times = (seconds: number) => (seconds / best).toFixed(seconds < 10 * best ? 1 : 0);
  const cells = [
    network,
    `${(100 * all.accuracy).toFixed(1)} / ${(100 * loop!.mean).toFixed(1)} %`,
    ...[all, auto, loop!, mrfi!, pytorchfi!].map(({ seconds, chips }) => `${seconds.toFixed(1)} (${chips})`),
    times(loop!.seconds),
    times(mrfi!.seconds),
    times(pytorchfi!.seconds),
  ];
  console.log(`| ${cells.join(" | ")} |`);
}
rmSync(folder, { recursive: true, force: true });
