/** @file A hardened model that is fed its codes: initialisers become inputs. */
import { create } from "@bufbuild/protobuf";
import { ValueInfoProtoSchema } from "onnx-buf";
import type { BrowserMemory } from "../src/explorer/index.ts";
import type { CodesInitialiser, OnnxModel } from "../src/onnx/index.ts";

/** Element types of ONNX that hold codes of a byte. */
const byteTypes: ReadonlyMap<number, "int8" | "uint8"> = new Map([
  [2, "uint8"],
  [3, "int8"],
]);

/**
 * Takes the codes out of a model and lets them be fed, in the order given. Changes the model.
 *
 * @throws Error for codes that are not a byte each, or tensors in several parts
 */
export function codesAsInputs(
  { graph }: OnnxModel,
  stored: readonly CodesInitialiser[],
): BrowserMemory["codes"] {
  return stored.map(({ initialiser, count }) => {
    const tensor = graph.initializer.find(({ name }) => name === initialiser)!;
    const type = byteTypes.get(tensor.dataType);
    if (type === undefined || tensor.rawData.length !== count) {
      throw new Error(`The codes of ${initialiser} are not one byte each.`);
    }
    graph.initializer = graph.initializer.filter((other) => other !== tensor);
    graph.input.push(
      create(ValueInfoProtoSchema, {
        name: initialiser,
        type: {
          value: {
            case: "tensorType",
            value: {
              elemType: tensor.dataType,
              shape: {
                dim: tensor.dims.map((dim) => ({ value: { case: "dimValue" as const, value: dim } })),
              },
            },
          },
        },
      }),
    );
    return {
      input: initialiser,
      type,
      dims: tensor.dims.map(Number),
      bytes: Buffer.from(tensor.rawData).toString("base64"),
    };
  });
}
