/** @file The picture of `qtaml codes --picture`. */
import { meanError, residualChannel, type BitChannel, type WordCode } from "../../ecc/index.ts";
import { residualFigure } from "../../report/index.ts";
import { writeWhole } from "../files.ts";

/** Flip probabilities, thirty a decade. */
const [lowest, highest, perDecade] = [1e-4, 0.5, 30];
const points = Array.from(
  { length: Math.floor(Math.log10(highest / lowest) * perDecade) + 1 },
  (_, i) => lowest * 10 ** (i / perDecade),
);

/** Codes that are drawn where none are named: of each kind a few that do not cover each other. */
export const drawnCodes = [
  "parity(9,8)",
  "secded(72,64)",
  "bch(63,45,3)",
  "bch(127,29,21)",
  "bch(255,47,42)",
  "repetition(3)",
  "repetition(9)",
];

/**
 * Writes what codes leave against the flip probability.
 *
 * @param channel both its probabilities are scaled together
 */
export async function writePicture(
  path: string,
  codes: readonly WordCode[],
  channel: BitChannel,
): Promise<void> {
  const chosen = meanError(channel);
  const share = chosen === 0 ? 0.5 : channel.p01 / (2 * chosen);
  const p = points.filter((x) => 2 * x * Math.max(share, 1 - share) <= 1);
  const curves = codes.map((code) => ({
    code: code.name,
    parity: code.family === "zero-space" ? 0 : code.wordBits / code.dataBits - 1,
    error: p.map((x) => meanError(residualChannel(code, { p01: 2 * x * share, p10: 2 * x * (1 - share) }))),
  }));
  const isInside = chosen >= p[0]! && chosen <= p.at(-1)!;
  writeWhole(path, await residualFigure({ p, curves, ...(isInside ? { chosen } : {}) }));
}
