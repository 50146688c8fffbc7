/** @file `qtaml codes`: what codes leave of the errors of a memory, and what they cost. */
import { capacity, codeNamed, priceCodes, type BitChannel, type CodePrice } from "../../ecc/index.ts";
import { QtamlError } from "../../errors.ts";
import { formatNumber, formatPercent } from "../../report/index.ts";
import { checkOutput } from "../files.ts";
import { inputPaths } from "../inputs.ts";
import { flipsFromFlags, type FlipFlags } from "../memory.ts";
import { fitTable, say, sayJson, warn, type Manner } from "../output.ts";
import { drawnCodes, writePicture } from "./codes-picture.ts";
import { checkCodesFlags, codesOfModel, modelAccount, type CodesModelFlags } from "./codes-model.ts";

/** Flags of `qtaml codes`. */
export interface CodesFlags extends CodesModelFlags, FlipFlags, Manner {
  /** SVG file for a picture of what codes leave. */
  readonly picture?: string | undefined;
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
  "bch(1023,943,8)",
  "bch(127,64,10)",
  "bch(31,11,5)",
  "bch(63,18,10)",
  "bch(127,29,21)",
  "bch(255,47,42)",
  "repetition(3)",
  "repetition(5)",
  "repetition(9)",
];

/** The table of codes, and what Shannon says. */
function account(channel: BitChannel, rows: readonly CodePrice[]): string {
  const most = capacity(channel);
  const mark = (row: CodePrice, p: number) => `${row.residual === "estimate" ? "~" : ""}${formatNumber(p)}`;
  const isPerfect = channel.p01 === 0 && channel.p10 === 0;
  const useful = rows.filter(({ verdict }) => verdict === "useful").map(({ code }) => code);
  return [
    `p01 ${formatNumber(channel.p01)}, p10 ${formatNumber(channel.p10)}`,
    "",
    fitTable(
      rows.map((row) => [
        row.code,
        formatPercent(row.parity),
        mark(row, row.p01),
        mark(row, row.p10),
        isPerfect ? "–" : formatPercent(row.left),
        formatPercent(Math.max(0, row.floor - 1)),
        isPerfect ? "–" : row.verdict,
      ]),
      ["code", "parity", "p01 left", "p10 left", "errors left", "floor", "verdict"],
    ),
    "",
    most === 0
      ? "Shannon: reading this memory says nothing; no code helps."
      : `Shannon: no code that leaves no errors has less than ${formatPercent(1 / most - 1)} parity.`,
    isPerfect
      ? "No bit of this memory flips: there is nothing to correct."
      : useful.length === 0
        ? "None of these codes is useful here: each leaves more than half of the errors."
        : `Useful here: ${useful.join(", ")}.`,
  ].join("\n");
}

/** Codes that hold bit planes; a code that the user named and that does not is refused where it is used. */
const planeCodes = (flags: CodesFlags) =>
  (flags.code ?? usual.filter((name) => !name.startsWith("zero-space"))).map((name) => codeNamed(name).name);

/** Runs the command. @returns whether there is a plan that keeps what is asked, where a model is given */
export async function runCodes(model: string | undefined, flags: CodesFlags): Promise<boolean> {
  const described = flipsFromFlags(flags);
  const { report } = described;
  const { perBit, p01, p10 } = report;
  const channel = { p01, p10 };
  if (model === undefined) {
    if (perBit !== undefined) {
      throw new QtamlError(
        "invalid-argument",
        "Codes are priced at one flip probability: give one number for --p, --p01 and --p10, or a model.",
      );
    }
    refuseModelFlags(flags);
  } else checkCodesFlags(model, flags);
  if (flags.picture !== undefined) {
    const { output } = flags;
    checkOutput(flags.picture, [...inputPaths(model, flags), ...(output === undefined ? [] : [output])]);
  }
  const rows = priceCodes(channel, (flags.code ?? usual).map(codeNamed));
  const table = { p01, p10, capacity: capacity(channel), codes: rows };
  if (flags.picture !== undefined) {
    await writePicture(flags.picture, (flags.code ?? drawnCodes).map(codeNamed), channel);
  }
  if (model === undefined) {
    if (flags.json === true) sayJson(table);
    else {
      warn(report.warnings);
      say(account(channel, rows));
    }
    return true;
  }
  const found = await codesOfModel(model, planeCodes(flags), flags, described);
  const { assessment: _assessment, ...rest } = found;
  if (flags.json === true) sayJson({ ...table, model: rest });
  else {
    say(account(channel, rows));
    say();
    say(modelAccount(found, flags, described.device));
  }
  return found.plan !== null;
}

/** Refuses flags that only go with a model. @throws QtamlError `invalid-argument` */
function refuseModelFlags(flags: CodesFlags): void {
  const { data, keep, parity, measure, output } = flags;
  const given = { "--data": data, "--keep": keep, "--parity": parity, "--measure": measure, "-o": output };
  const stray = Object.entries(given).find(([, value]) => value !== undefined);
  if (stray === undefined) return;
  throw new QtamlError(
    "invalid-argument",
    `${stray[0]} goes with a model: write qtaml codes MODEL, or leave ${stray[0]} out.`,
  );
}
