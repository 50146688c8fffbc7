/** @file `qtaml codes`: what codes leave of the errors of a memory, and what they cost. */
import { capacity, codeNamed, priceCodes } from "../../ecc/index.ts";
import { QtamlError } from "../../errors.ts";
import { formatNumber, formatPercent } from "../../report/index.ts";
import { flipsFromFlags, type FlipFlags } from "../memory.ts";
import { fitTable, say, sayJson, warn, type Manner } from "../output.ts";

/** Flags of `qtaml codes`. */
export interface CodesFlags extends FlipFlags, Manner {
  readonly code?: readonly string[] | undefined;
}

const usual = [
  "parity(9,8)",
  "zero-space(64,57)",
  "secded(72,64)",
  "secded(39,32)",
  "secded(22,16)",
  "secded(13,8)",
  "bch(78,64,2)",
  "bch(63,45,3)",
  "bch(63,24,7)",
  "bch(127,64,10)",
  "bch(1023,943,8)",
  "repetition(3)",
  "repetition(5)",
  "repetition(9)",
];

/** Runs the command. */
export function runCodes(flags: CodesFlags): void {
  const { report } = flipsFromFlags(flags);
  const { perBit, p01, p10 } = report;
  if (perBit !== undefined) {
    throw new QtamlError(
      "invalid-argument",
      "Codes are priced at one flip probability: give one number for --p, --p01 and --p10.",
    );
  }
  const channel = { p01, p10 };
  const rows = priceCodes(channel, (flags.code ?? usual).map(codeNamed));
  const most = capacity(channel);
  if (flags.json === true) {
    sayJson({ p01, p10, capacity: most, codes: rows });
    return;
  }
  warn(report.warnings);
  say(`p01 ${formatNumber(p01)}, p10 ${formatNumber(p10)}`);
  say();
  say(
    fitTable(
      rows.map((row) => [
        row.code,
        formatPercent(row.parity),
        `${row.residual === "estimate" ? "~" : ""}${formatNumber(row.p01)}`,
        `${row.residual === "estimate" ? "~" : ""}${formatNumber(row.p10)}`,
        formatPercent(row.left),
        formatPercent(Math.max(0, row.floor - 1)),
        row.verdict,
      ]),
      ["code", "parity", "p01 left", "p10 left", "errors left", "floor", "verdict"],
    ),
  );
  say();
  say(
    most === 0
      ? "Shannon: reading this memory says nothing; no code helps."
      : `Shannon: no code that leaves no errors has less than ${formatPercent(1 / most - 1)} parity.`,
  );
  const useful = rows.filter(({ verdict }) => verdict === "useful").map(({ code }) => code);
  say(
    useful.length === 0
      ? "None of these codes is useful here: each leaves more than half of the errors."
      : `Useful here: ${useful.join(", ")}.`,
  );
}
