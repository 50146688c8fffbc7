/** @file `layout.json` against its JSON Schema, by a validator that is not ours. */
import { readFileSync } from "node:fs";
import Ajv from "ajv/dist/2020.js";
import { describe, expect, it } from "vitest";
import { buildImage, formatLayout, layoutJsonSchema, type Layout } from "../../src/image/index.ts";
import { inRepository } from "../cli-run.ts";
import { imageRequest, randomTensors } from "./image-parts.ts";

const published = JSON.parse(readFileSync(inRepository("docs/layout.schema.json"), "utf8")) as object;
const validate = new Ajv.default({ allErrors: true }).compile(published);

const layoutOf = (code: string | null, options = {}) =>
  JSON.parse(formatLayout(buildImage(imageRequest(randomTensors(), code, options)).layout)) as Layout;

describe("docs/layout.schema.json", () => {
  it("is the schema that is written beside a layout (npm run docs:layout)", () => {
    expect(published).toEqual(JSON.parse(JSON.stringify(layoutJsonSchema())));
  });

  it.each([
    [null, {}],
    ["secded(72,64)", { interleave: 4 }],
    ["bch(63,45,3)", { polarity: "inverted" }],
    ["repetition(3)", { plainRowBits: 20 }],
    ["parity(9,8)", {}],
  ])("holds for a layout with code %s, %o", (code, options) => {
    validate(layoutOf(code, options));
    expect(validate.errors).toBe(null);
  });

  it.each<[string, (layout: Layout) => void, string]>([
    [
      "without a region's address",
      ({ regions }) => Reflect.deleteProperty(regions[0]!, "address"),
      "/regions/0",
    ],
    ["with a field that is not ours", (l) => Object.assign(l.tensors[0]!, { colour: 1 }), "/tensors/0"],
    ["with half a bit", (l) => Object.assign(l.tensors[0]!, { bits: 7.5 }), "/tensors/0/bits"],
    ["with a word for a number", (l) => Object.assign(l.tables[0]!, { 0: "zero" }), "/tables/0/0"],
    ["of another version", (l) => Object.assign(l, { version: 2 }), "/version"],
  ])("refuses a layout %s", (_what, change, place) => {
    const layout = layoutOf("secded(22,16)");
    change(layout);
    expect(validate(layout)).toBe(false);
    expect(validate.errors!.map((e) => e.instancePath)).toContain(place);
  });
});
