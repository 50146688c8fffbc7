// A program of somebody else: a number from every entry point that runs in a browser.
import { channelMatrix, numberFormat, symmetricFlips } from "qtaml/channel";
import { codeNamed, shannonFloor } from "qtaml/ecc";
import { openFaults, parseFaults } from "qtaml/faults";
import { intelHex } from "qtaml/image";
import { builtInMeasure, scoreOf, tally } from "qtaml/measure";
import { deviceFromFlags, evaluateDevice } from "qtaml/physics";
import { allocator } from "qtaml/protect";
import { barrierChart, barrierPicture, formatPercent } from "qtaml/report/browser";
import { meanInterval, proportionInterval } from "qtaml/stats";

const flags = { material: "SiO2", thickness: 2.5, hold: 0.064, attempt: 1e13, energy: 0 };

/** A tensor whose codes are spread like a bell. */
function tensor(name, count, stepSensitivity) {
  const format = numberFormat("int8");
  const histogram = format.values.map((v) => count * Math.exp(-8 * (v / format.largest) ** 2));
  const flips = symmetricFlips(0.1, format.bits);
  return { name, count, format, histogram, flips, meanSquareStep: 1, stepSensitivity };
}

export function numbers() {
  const { p01 } = evaluateDevice(deviceFromFlags(flags));
  const code = codeNamed("secded(72,64)");
  const word = code.encode(Uint8Array.from({ length: 64 }, (_, i) => ((i * i) % 3) & 1));
  word[7] ^= 1;
  const reading = code.decode(word);
  const codes = Uint8Array.from({ length: 500 }, (_, i) => i);
  const faults = parseFaults({ models: [{ model: "burst", length: 3 }] }, "this");
  const source = openFaults([{ codes, bits: 8 }], [symmetricFlips(0.05, 8)], faults, 11);
  const [damage] = source.draw({ trial: 4, read: 0 });
  const outputs = { count: 3, dims: [3, 2], values: Float32Array.of(1, 0, 0, 1, 2, 1) };
  const clean = { ...outputs, values: outputs.values.map((value) => value + 0.5) };
  const judge = builtInMeasure("mse").bind({ clean, labels: undefined });
  const plan = allocator("tac", [tensor("a", 1000, 4), tensor("b", 9000, 0.1)]).allocate(0.2);
  return {
    flipProbability: p01,
    reads1000: channelMatrix(symmetricFlips(p01, 4))[8],
    corrected: reading.data.reduce((sum, bit, i) => sum + bit * (i + 1), 0),
    floor: shannonFloor({ p01: 0.1, p10: 0.05 }),
    flipped: damage.patterns.reduce((sum, pattern, i) => sum + pattern * (i + 1), 0),
    meanSquaredError: scoreOf(judge, tally(judge, outputs)),
    protectedBits: plan.protectedBits,
    mask: plan.tensors[0].mask,
    yieldLow: proportionInterval(97, 100).low,
    meanHigh: meanInterval([0.91, 0.93, 0.92, 0.9]).high,
    hexLength: intelHex([{ address: 65530, bytes: codes }]).length,
    percent: Number.parseFloat(formatPercent(p01, 3)),
  };
}

/** Draws a chart into a document and counts its paths. */
export function drawnPaths(document) {
  const barrier = barrierPicture(deviceFromFlags(flags));
  return barrierChart(barrier, { document }).querySelectorAll("path").length;
}
