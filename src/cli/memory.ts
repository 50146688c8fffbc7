/**
 * @file From flags to the memory's flip probabilities.
 */
import { flipLaw, type FlipLaw } from "../assessment/index.ts";
import { asymmetricFlips, exposedFlips } from "../channel/index.ts";
import { QtamlError } from "../errors.ts";
import {
  deviceFlips,
  deviceFromFlags,
  evaluateDevice,
  type Device,
  type DeviceFlags,
  type FlipReport,
} from "../physics/index.ts";
import { formatNumber } from "../report/index.ts";
import { readDevice } from "./files.ts";

/** Flip probabilities: a device file, or numbers that replace it. */
export interface FlipFlags {
  readonly device?: string | undefined;
  readonly p?: number | number[] | undefined;
  readonly p01?: number | number[] | undefined;
  readonly p10?: number | number[] | undefined;
}

/** A memory as flags describe it, and how its bits flip. */
export interface DescribedMemory {
  readonly device: Device;
  readonly report: FlipReport;
}

/** Whether any flag describes the memory. */
export function hasFlips(flags: FlipFlags): boolean {
  return [flags.device, flags.p, flags.p01, flags.p10].some((flag) => flag !== undefined);
}

/**
 * The memory that flags describe. A list of probabilities holds for codes of as many bits.
 *
 * @throws QtamlError `invalid-argument` when nothing describes it
 */
export function flipsFromFlags(flags: FlipFlags): DescribedMemory {
  if (!hasFlips(flags)) {
    throw new QtamlError(
      "invalid-argument",
      "The flip probability is missing: give --p 0.1, --p01 and --p10, or --device FILE.",
    );
  }
  const { device: path, p, p01, p10 } = flags;
  return describeMemory({ p, p01, p10 }, path);
}

/**
 * The memory of a device file, of flags, or of a file and flags that change it. Flip probabilities that flags set in
 * place of others are among the warnings.
 *
 * @param path of the device file
 */
export function describeMemory(flags: DeviceFlags, path: string | undefined): DescribedMemory {
  const base = path === undefined ? undefined : readDevice(path);
  const device = deviceFromFlags(flags, base);
  const report = evaluateDevice(device);
  const replaced = replacedFlips(device, base);
  if (replaced === undefined) return { device, report };
  const owner =
    replaced.direct === null ? `The oxide${path === undefined ? "" : ` of ${path}`} gives` : `${path} says`;
  const warning = replacementWords(
    evaluateDevice(replaced),
    report,
    (own, taken) => `${owner} ${own}; ${taken} taken instead.`,
  );
  return warning === undefined
    ? { device, report }
    : { device, report: { ...report, warnings: [...report.warnings, warning] } };
}

/** The device with flips of its own, where those that flags give replace them; undefined where there are none. */
function replacedFlips(device: Device, base: Device | undefined): Device | undefined {
  const own: Device = { ...device, direct: base?.direct ?? null };
  if (device.direct === own.direct) return undefined;
  return own.direct !== null || (own.barrier !== null && own.holdS !== null) ? own : undefined;
}

/** A sentence of two pairs of flip probabilities; undefined where they are the same. */
function replacementWords(
  own: FlipReport,
  taken: FlipReport,
  sentence: (own: string, taken: string) => string,
): string | undefined {
  const lists = [own, taken].map(({ p01, p10, perBit }) => [
    ["p01", perBit?.p01 ?? [p01]] as const,
    ["p10", perBit?.p10 ?? [p10]] as const,
  ]);
  const isEven = lists.every(([zeros, ones]) => zeros![1].join() === ones![1].join());
  const words = lists.map((pair) =>
    (isEven ? [["p", pair[0]![1]] as const] : pair)
      .map(([name, values]) => `${name} = ${values.map((value) => formatNumber(value)).join(",")}`)
      .join(", "),
  );
  return words[0] === words[1] ? undefined : sentence(words[0]!, `${words[1]} ${isEven ? "is" : "are"}`);
}

/**
 * The law of one interval that becomes the memory's own after several. It is that of one interval unless cells differ
 * and keep their rates (`draw: quenched`).
 */
export function intervalLaw({ device, report }: DescribedMemory, intervals: number): FlipLaw {
  if (intervals === 1 || device.direct !== null || device.draw === "redrawn") return flipLaw(report);
  const { p01, p10 } = deviceFlips(device, intervals);
  return (bits) => exposedFlips(asymmetricFlips(p01, p10, bits), 1 / intervals);
}
