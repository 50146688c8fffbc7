/**
 * @file From a device file or command-line flags to a `Device`. Precedence: what the user wrote, then the cell
 * preset, then the defaults (no bias, 300 K, 1e13 attempts a second, WKB, a discrete state, telegraph noise).
 */

import type { z } from "zod";

import { QtamlError } from "../errors.ts";
import { makeBarrier, makeLayer } from "./barrier.ts";
import type { Barrier } from "./barrier.ts";
import { CELLS } from "./cells.ts";
import { nearest, unknownWord } from "./check.ts";
import type { Device, DirectFlips } from "./device-types.ts";
import { deviceSchema } from "./schema.ts";
import type { DeviceFile } from "./schema.ts";

/** Attempt frequency when none is given, 1/s: the textbook figure; published simulators go down to 5e7. */
export const DEFAULT_ATTEMPT_HZ = 1e13;
/** Temperature when none is given, K. */
export const DEFAULT_TEMPERATURE_K = 300;

/** The value at a path of the input, for messages. */
function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  let current = value;
  for (const key of path) {
    if (typeof current !== "object" || current === null) return undefined;
    current = (current as Record<PropertyKey, unknown>)[key];
  }
  return current;
}

/** A schema without what makes it optional or gives it a default; a list stays a list. */
function bare(schema: unknown): object | null {
  if (typeof schema !== "object" || schema === null) return null;
  if (!("unwrap" in schema) || "element" in schema) return schema;
  return bare((schema as { unwrap: () => unknown }).unwrap());
}

/** Keys that the schema knows at a path, for the suggestion; null where they cannot be told. */
function shapeKeys(path: readonly PropertyKey[]): readonly string[] | null {
  let schema = bare(deviceSchema);
  for (const key of path) {
    if (schema === null) return null;
    if ("shape" in schema) schema = bare((schema.shape as Record<PropertyKey, unknown>)[key]);
    else if ("element" in schema) schema = bare(schema.element);
    else return null;
  }
  return schema !== null && "shape" in schema ? Object.keys(schema.shape as object) : null;
}

/** A path as a user would write it: `barrier.layers[1].mass`. */
function pathName(path: readonly PropertyKey[]): string {
  return path.reduce<string>(
    (text, key) =>
      typeof key === "number" ? `${text}[${key}]` : text === "" ? String(key) : `${text}.${String(key)}`,
    "",
  );
}

/** Where the user wrote what a path means: a model is named by a word alone, or by the word under "model". */
function writtenPath(path: readonly PropertyKey[], input: unknown): readonly PropertyKey[] {
  const outer = path.slice(0, -1);
  return path.at(-1) === "model" && typeof valueAt(input, outer) === "string" ? outer : path;
}

/** One sentence for one thing that is wrong. */
function sentence(issue: z.core.$ZodIssue, input: unknown): string {
  const where = issue.path.length === 0 ? "the device" : pathName(writtenPath(issue.path, input));
  if (issue.code === "unrecognized_keys") {
    const key = issue.keys[0]!;
    const known = shapeKeys(issue.path);
    const guess = known === null ? null : nearest(key, known);
    const remedy =
      guess !== null
        ? `did you mean "${guess}"?`
        : known === null
          ? "remove it."
          : `remove it, or use one of ${known.join(", ")}.`;
    return `Device file: ${where} has an unknown key "${key}": ${remedy}`;
  }
  if (issue.code === "custom") return `Device file: ${where}: ${issue.message}`;
  const given = valueAt(input, writtenPath(issue.path, input));
  const shown = typeof given === "number" ? String(given) : (JSON.stringify(given) ?? "missing");
  return `Device file: ${where} is ${shown}: ${remedyFor(issue, input)}`;
}

/** What to do about a value that does not fit. */
function remedyFor(issue: z.core.$ZodIssue, input: unknown): string {
  switch (issue.code) {
    case "invalid_value":
      return `give one of ${issue.values.map(String).join(", ")}.`;
    case "invalid_type":
      return issue.expected === "object" && issue.path.length === 0
        ? 'give a mapping of settings, such as { "cell": "gain-cell" }.'
        : `give ${EXPECTED[issue.expected] ?? `a value of type ${issue.expected}`}.`;
    case "too_small":
      if (issue.origin === "array") return "give at least one entry.";
      return `give a number ${issue.inclusive === true ? "that is at least" : "above"} ${issue.minimum}.`;
    case "too_big":
      if (issue.origin === "array") return `give at most ${issue.maximum} entries.`;
      return `give a number that is at most ${issue.maximum}.`;
    case "invalid_union": {
      const [field] = issue.path;
      if (issue.path.at(-1) === "model") {
        const word = valueAt(input, writtenPath(issue.path, input));
        const models = field === "rate" ? RATE_MODELS : FLIP_MODELS;
        return typeof word === "string"
          ? unknownWord(`${String(field)} model`, word, models)
          : `give one of ${models.join(", ")}.`;
      }
      if (issue.path.at(-1) === "chargedState") return "give 0 or 1.";
      return `give a number from 0 to ${field === "p" ? 0.5 : 1}, or a list of such numbers with one a bit.`;
    }
    case "custom":
    case "invalid_element":
    case "invalid_format":
    case "invalid_key":
    case "not_multiple_of":
    case "unrecognized_keys":
      return `${issue.message}.`;
  }
}

const EXPECTED: Readonly<Record<string, string>> = {
  number: "a finite number",
  int: "a whole number",
  string: "a text",
  object: "a mapping of settings",
  array: "a list",
};
const RATE_MODELS = ["discrete-state", "tsu-esaki", "fowler-nordheim", "trap-assisted"];
const FLIP_MODELS = ["telegraph", "two-state", "charge-loss", "threshold"];

/**
 * A device from the value of a YAML or JSON file.
 * @throws QtamlError invalid-schema with one sentence naming the path and the remedy
 */
export function parseDevice(value: unknown): Device {
  const parsed = deviceSchema.safeParse(value);
  if (!parsed.success) throw new QtamlError("invalid-schema", sentence(parsed.error.issues[0]!, value));
  try {
    return resolveDevice(parsed.data);
  } catch (error) {
    if (error instanceof QtamlError) {
      throw new QtamlError("invalid-schema", `Device file: ${error.message}`, { cause: error });
    }
    throw error;
  }
}

/** The barrier of a file over that of its cell; null where neither describes one. */
function resolveBarrier(file: DeviceFile): Barrier | null {
  const cell = file.cell === undefined ? undefined : CELLS[file.cell];
  const { layers, electrodeMass, imagePermittivity, ...single } = file.barrier ?? {};
  const biasV = file.biasV ?? cell?.biasV ?? 0;
  if (layers !== undefined) {
    const [extra] = Object.keys(single);
    if (extra !== undefined) {
      throw new QtamlError(
        "invalid-argument",
        `barrier has both layers and ${extra}: give ${extra} inside a layer, or leave layers out.`,
      );
    }
    return makeBarrier(layers.map(makeLayer), biasV, electrodeMass, imagePermittivity);
  }
  const presets = cell?.layers ?? [];
  const changed = Object.keys(single).length > 0;
  if (presets.length > 1 && !changed)
    return makeBarrier(presets.map(makeLayer), biasV, electrodeMass, imagePermittivity);
  if (presets.length > 1) {
    throw new QtamlError(
      "invalid-argument",
      `The cell ${cell!.name} has ${presets.length} layers: describe the new barrier with barrier.layers.`,
    );
  }
  const [preset] = presets;
  if (preset === undefined && !changed) return null;
  const thicknessNm = single.thicknessNm ?? preset?.thicknessNm;
  if (thicknessNm === undefined) {
    throw new QtamlError("invalid-argument", "The barrier has no thickness: give it in nm, such as 2.5.");
  }
  return makeBarrier(
    [makeLayer({ ...preset, ...single, thicknessNm })],
    biasV,
    electrodeMass,
    imagePermittivity,
  );
}

/** Flip probabilities as a user gives them: one `p`, or `p01` and `p10`; a number, or one entry a bit. */
export interface DirectInput {
  readonly p?: number | readonly number[] | undefined;
  readonly p01?: number | readonly number[] | undefined;
  readonly p10?: number | readonly number[] | undefined;
}

/**
 * The flips that replace the physics, or null where none are given.
 * @throws QtamlError invalid-argument for a combination that does not make sense
 */
export function resolveDirect({ p, p01, p10 }: DirectInput): DirectFlips | null {
  if (p !== undefined) {
    if (p01 !== undefined || p10 !== undefined) {
      throw new QtamlError(
        "invalid-argument",
        "p was given together with p01 or p10: give p alone, or p01 and p10.",
      );
    }
    return { p01: p, p10: p };
  }
  if (p01 === undefined && p10 === undefined) return null;
  if (p01 === undefined || p10 === undefined) {
    throw new QtamlError(
      "invalid-argument",
      `${p01 === undefined ? "p01" : "p10"} is missing: p01 and p10 belong together, so give both (0 where a flip never happens).`,
    );
  }
  const lengths = [p01, p10].flatMap((list) => (typeof list === "number" ? [] : [list.length]));
  if (lengths.length === 2 && lengths[0] !== lengths[1]) {
    throw new QtamlError(
      "invalid-argument",
      `p01 lists ${lengths[0]} bits and p10 lists ${lengths[1]}: give both the same number of bits.`,
    );
  }
  return { p01, p10 };
}

/**
 * Fills in presets and defaults.
 * @throws QtamlError invalid-argument for what is missing or contradicts itself
 */
export function resolveDevice(file: DeviceFile): Device {
  const cell = file.cell === undefined ? undefined : CELLS[file.cell];
  const direct = resolveDirect(file);
  const barrier = resolveBarrier(file);
  const holdS = file.holdS ?? cell?.holdS ?? null;
  if (direct === null && barrier === null) {
    throw new QtamlError(
      "invalid-argument",
      "The memory has no barrier: name a cell, give a material and a thickness in nm, or give the flip probability p itself.",
    );
  }
  if (direct === null && holdS === null) {
    throw new QtamlError("invalid-argument", "The hold time is missing: give it in seconds, such as 0.064.");
  }
  const flip = file.flip ?? cell?.flip ?? { model: "telegraph" };
  if (flip.model === "threshold" && flip.criticalElectrons > flip.electrons) {
    throw new QtamlError(
      "invalid-argument",
      `flip.criticalElectrons is ${flip.criticalElectrons} but the cell holds ${flip.electrons} electrons: give a threshold that can be reached.`,
    );
  }
  return {
    name: file.name ?? null,
    cell: file.cell ?? null,
    barrier,
    energyEv: file.energyEv ?? cell?.energyEv ?? 0,
    temperatureK: file.temperatureK ?? DEFAULT_TEMPERATURE_K,
    holdS,
    attemptHz: file.attemptHz ?? cell?.attemptHz ?? DEFAULT_ATTEMPT_HZ,
    transmission: file.transmission ?? "wkb",
    rate: file.rate ?? cell?.rate ?? { model: "discrete-state" },
    flip,
    thicknessSpreadNm: file.thicknessSpreadNm ?? cell?.thicknessSpreadNm ?? 0,
    draw: file.draw ?? "quenched",
    direct,
  };
}
