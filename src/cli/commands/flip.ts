/** @file `qtaml flip`: from an oxide to the flip probability of a stored bit. */
import {
  deviceFromFlags,
  evaluateDevice,
  solveForP,
  type DeviceFlags,
  type Unknown,
} from "../../physics/index.ts";
import { formatNumber } from "../../report/index.ts";
import { QtamlError } from "../../errors.ts";
import { readDevice } from "../files.ts";
import { describeMemory } from "../memory.ts";
import { fitTable, say, sayJson, warn, type Manner } from "../output.ts";

/** Flags of `qtaml flip`. */
export interface FlipCommandFlags extends DeviceFlags, Manner {
  readonly device?: string | undefined;
  readonly solve?: "thickness" | "hold" | "bias" | undefined;
}

const unknowns: Readonly<
  Record<NonNullable<FlipCommandFlags["solve"]>, { unknown: Unknown; words: string; unit: string }>
> = {
  thickness: { unknown: "thicknessNm", words: "thickness", unit: "nm" },
  hold: { unknown: "holdS", words: "hold time", unit: "s" },
  bias: { unknown: "biasV", words: "bias", unit: "V" },
};

/** The inverse question: which thickness, hold time or bias gives the flip probability `--p`. */
function solve(flags: FlipCommandFlags, asked: NonNullable<FlipCommandFlags["solve"]>): void {
  const { p, device: path, json, solve: _, ...rest } = flags;
  if (typeof p !== "number") {
    throw new QtamlError(
      "invalid-argument",
      "The flip probability to reach is missing: give --p with --solve.",
    );
  }
  const { unknown, words, unit } = unknowns[asked];
  // The quantity that is asked for needs some value before it is solved for.
  const start = { thickness: 2, hold: 1, bias: 0 }[asked];
  const flagged: DeviceFlags = { ...rest, [asked]: rest[asked] ?? start };
  const answer = solveForP(deviceFromFlags(flagged, path === undefined ? undefined : readDevice(path)), {
    unknown,
    p,
  });
  const report = evaluateDevice(answer.device);
  if (json === true) sayJson({ [unknown]: answer.value, ...report });
  else {
    warn(report.warnings);
    say(`A ${words} of ${formatNumber(answer.value, { digits: 6 })} ${unit} gives p = ${formatNumber(p)}.`);
  }
}

/** Runs the command. */
export function runFlip(flags: FlipCommandFlags): void {
  if (flags.solve !== undefined) {
    solve(flags, flags.solve);
    return;
  }
  const { report } = describeMemory(flags, flags.device);
  if (flags.json === true) {
    sayJson(report);
    return;
  }
  warn(report.warnings);
  const rows = [
    ["transmission", report.transmission, ""],
    ["transmission, exact", report.exactTransmission, ""],
    ["rate", report.rate, "1/s"],
    ["p01 (0 reads as 1)", report.p01, ""],
    ["p10 (1 reads as 0)", report.p10, ""],
  ] as const;
  const digits = { digits: 7 };
  say(
    fitTable(
      rows
        .filter(([, v]) => v !== null)
        .map(([name, value, unit]) => [name, formatNumber(value, digits), unit]),
    ),
  );
  say();
  const parameters = Object.entries(report.parameters).filter(([, v]) => v !== null && typeof v !== "object");
  say(
    fitTable(
      parameters.map(([name, value]) => [
        name,
        typeof value === "number" ? formatNumber(value, digits) : String(value as string | boolean),
      ]),
    ),
  );
}
