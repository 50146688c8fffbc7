/**
 * @file The device file: what a user may write about a memory, as a strict zod schema. Everything is optional here;
 * `device.ts` fills in presets and defaults and asks for what is still missing.
 */

import { z } from "zod";

import { CELL_NAMES } from "./cells.ts";
import { MATERIAL_NAMES, findMaterial } from "./materials.ts";
import { unknownWord } from "./check.ts";

/** Most bits that a per-bit list may describe. */
export const MOST_BITS = 64;

const materialName = z.string().check((context) => {
  if (findMaterial(context.value) === undefined) {
    context.issues.push({
      code: "custom",
      message: unknownWord("material", context.value, MATERIAL_NAMES),
      input: context.value,
    });
  }
});
const cellName = z.string().check((context) => {
  if (!CELL_NAMES.includes(context.value)) {
    context.issues.push({
      code: "custom",
      message: unknownWord("cell", context.value, CELL_NAMES),
      input: context.value,
    });
  }
});
const positive = z.number().positive();
const atLeastZero = z.number().nonnegative();

const layerSchema = z.strictObject({
  material: materialName.optional(),
  thicknessNm: positive.max(1000),
  barrierEv: positive.max(20).optional(),
  mass: positive.max(10).optional(),
  permittivity: z.number().min(1).max(1e5).optional(),
});

const barrierSchema = z.strictObject({
  material: materialName.optional(),
  thicknessNm: positive.max(1000).optional(),
  barrierEv: positive.max(20).optional(),
  mass: positive.max(10).optional(),
  permittivity: z.number().min(1).max(1e5).optional(),
  layers: z.array(layerSchema).min(1).max(32).optional(),
  electrodeMass: positive.max(10).optional(),
  imagePermittivity: z.number().min(1).max(1e3).optional(),
});

/** `word` alone means `{ model: word }`. */
const named = (value: unknown): unknown => (typeof value === "string" ? { model: value } : value);

const rateSchema = z.preprocess(
  named,
  z.discriminatedUnion("model", [
    z.strictObject({ model: z.literal("discrete-state") }),
    z.strictObject({
      model: z.literal("tsu-esaki"),
      areaNm2: positive,
      fermiEv: z.number().min(-5).max(10).default(0.1),
      dosMass: positive.max(10).default(0.38),
    }),
    z.strictObject({ model: z.literal("fowler-nordheim"), areaNm2: positive }),
    z.strictObject({
      model: z.literal("trap-assisted"),
      areaNm2: positive,
      trapDensityPerCm3: positive,
      activationEv: atLeastZero.max(5).default(0),
    }),
  ]),
);

const chargedState = z.union([z.literal(0), z.literal(1)]).default(1);

const flipSchema = z.preprocess(
  named,
  z.discriminatedUnion("model", [
    z.strictObject({ model: z.literal("telegraph") }),
    z.strictObject({ model: z.literal("two-state"), energyDifferenceEv: z.number().min(-5).max(5) }),
    z.strictObject({ model: z.literal("charge-loss"), chargedState }),
    z.strictObject({
      model: z.literal("threshold"),
      electrons: z.int().min(1).max(1e9),
      criticalElectrons: z.int().min(1).max(1e9),
      statistics: z.enum(["binomial", "poisson"]).default("poisson"),
      chargedState,
    }),
  ]),
);

const symmetric = z.number().min(0).max(0.5);
const probability = z.number().min(0).max(1);
const perBit = (bit: typeof symmetric): z.ZodArray<typeof symmetric> => z.array(bit).min(1).max(MOST_BITS);

/**
 * The device file. Units are in the names: nm, eV, V, K, s, Hz, masses in electron masses. A population of cells is
 * any flip model together with `thicknessSpreadNm`. `p`, or `p01` with `p10`, replaces the physics: a number, or a
 * list with one entry a bit, bit 0 (least significant) first.
 */
export const deviceSchema = z.strictObject({
  name: z.string().max(200).optional(),
  cell: cellName.optional(),
  barrier: barrierSchema.optional(),
  biasV: atLeastZero.max(1000).optional(),
  energyEv: z.number().min(-20).max(20).optional(),
  temperatureK: z.number().min(1).max(2000).optional(),
  holdS: atLeastZero.optional(),
  attemptHz: positive.optional(),
  transmission: z.enum(["wkb", "corrected", "exact"]).optional(),
  rate: rateSchema.optional(),
  flip: flipSchema.optional(),
  thicknessSpreadNm: atLeastZero.max(100).optional(),
  draw: z.enum(["quenched", "redrawn"]).optional(),
  p: z.union([symmetric, perBit(symmetric)]).optional(),
  p01: z.union([probability, perBit(probability)]).optional(),
  p10: z.union([probability, perBit(probability)]).optional(),
});

/** A device file that agrees with the schema. */
export interface DeviceFile extends z.output<typeof deviceSchema> {}
