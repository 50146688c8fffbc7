/**
 * @file Float tensors as the memory stores them: quantised, or by the bits that they have.
 */
import { codeArray, encodeInto, quantisationStep, type NumberFormat } from "../channel/index.ts";
import { QtamlError } from "../errors.ts";
import { channelLayout, type ChannelLayout, type StoredTensor } from "../stored/index.ts";
import { DataType, elementCount, floatBits, floatData } from "./tensor.ts";
import type { FoundTensor } from "./weights.ts";

/** Whether one step serves the whole tensor or each output channel has its own. */
export type Granularity = "tensor" | "channel";

/**
 * Infinity norm of each channel.
 *
 * @throws QtamlError `non-finite` when a weight is NaN or infinite
 */
export function infinityNorms(name: string, weights: Float32Array, layout: ChannelLayout): Float64Array {
  const norms = new Float64Array(layout.channels);
  let i = 0;
  for (let o = 0; o < layout.outer; o++) {
    for (let c = 0; c < layout.channels; c++) {
      let norm = norms[c]!;
      for (let k = 0; k < layout.inner; k++, i++) {
        const magnitude = Math.abs(weights[i]!);
        if (!(magnitude < Infinity)) {
          throw new QtamlError(
            "non-finite",
            `Weight ${i} of tensor "${name}" is ${weights[i]}: replace NaN and infinite weights before storing them.`,
          );
        }
        if (magnitude > norm) norm = magnitude;
      }
      norms[c] = norm;
    }
  }
  return norms;
}

/** Formats that hold the numbers of an element type as they are. */
const sameAs: Readonly<Partial<Record<number, string>>> = {
  [DataType.FLOAT16]: "fp16",
  [DataType.BFLOAT16]: "bf16",
};

/** Whether a format holds a tensor's numbers as they are, so that their bits are the codes. */
export function keepsBits(found: FoundTensor, format: NumberFormat): boolean {
  return sameAs[found.tensor.dataType] === format.name;
}

/** The axis along which a tensor's steps change. */
export function stepAxis(
  found: FoundTensor,
  format: NumberFormat,
  granularity: Granularity,
): number | undefined {
  return granularity === "channel" && format.unscaled !== true ? found.channelAxis : undefined;
}

/**
 * Quantises a float tensor symmetrically: `step = infinity norm / largest`, per tensor or per output channel (a
 * tensor whose output axis is not known gets one step). Numbers that the format holds as they are keep their bits.
 */
export function quantiseTensor(
  found: FoundTensor,
  format: NumberFormat,
  granularity: Granularity,
): StoredTensor {
  const channelAxis = stepAxis(found, format, granularity);
  const layout = channelLayout(found.dims, channelAxis);
  const weights = floatData(found.tensor);
  const norms = infinityNorms(found.name, weights, layout);
  const steps = Float32Array.from(norms, (norm) => quantisationStep(format, norm));
  const stored = {
    ...describeTensor(found),
    format,
    channelAxis,
    blockSize: undefined,
    steps,
    zeroPoints: undefined,
    infinityNorm: norms.reduce((a, b) => Math.max(a, b), 0),
  };
  if (keepsBits(found, format)) return { ...stored, codes: floatBits(found.tensor) };
  const codes = codeArray(format.bits, weights.length);
  if (layout.channels === 1) {
    encodeInto(format, weights, steps[0]!, codes);
  } else {
    for (let i = 0, row = 0; i < weights.length; i += layout.inner, row++) {
      const end = i + layout.inner;
      encodeInto(format, weights.subarray(i, end), steps[row % layout.channels]!, codes.subarray(i, end));
    }
  }
  return { ...stored, codes };
}

/** What a stored tensor has from the model. */
export function describeTensor(
  found: FoundTensor,
): Pick<StoredTensor, "name" | "runtimeName" | "role" | "dims" | "count" | "outputAxis" | "operators"> {
  return {
    name: found.name,
    runtimeName: found.name,
    role: found.role,
    dims: found.dims,
    count: elementCount(found.dims),
    outputAxis: found.channelAxis,
    operators: [...new Set(found.uses.map((use) => use.node.opType))],
  };
}
