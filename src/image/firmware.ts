/**
 * @file A C99 header for firmware: where each bit lies, the decode tables, and functions that read a weight.
 */
import { channelLayout } from "../stored/index.ts";
import {
  fromLayoutFloats,
  type Layout,
  type LayoutFloat,
  type LayoutRegion,
  type LayoutTensor,
} from "./layout.ts";

const scratch = new DataView(new ArrayBuffer(4));

/** A float32 number as a C99 hexadecimal constant, exactly. */
export function cFloat(value: number): string {
  if (Number.isNaN(value)) return "NAN";
  if (!Number.isFinite(value)) return value > 0 ? "INFINITY" : "-INFINITY";
  scratch.setFloat32(0, value);
  const bits = scratch.getUint32(0);
  const sign = bits >>> 31 === 1 ? "-" : "";
  const exponent = (bits >>> 23) & 255;
  // 23 bits of mantissa are six hexadecimal digits when shifted by one.
  const mantissa = ((bits & 0x7fffff) << 1).toString(16).padStart(6, "0").replace(/0+$/, "");
  const point = mantissa === "" ? "" : `.${mantissa}`;
  if (exponent === 0) return mantissa === "" ? `${sign}0.0f` : `${sign}0x0${point}p-126f`;
  return `${sign}0x1${point}p${exponent - 127}f`;
}

/** Items in lines of at most 100 characters. */
function lines(items: readonly string[]): string {
  const rows: string[] = [];
  let row = "   ";
  for (const item of items) {
    if (row.length + item.length > 98) {
      rows.push(row);
      row = "   ";
    }
    row += ` ${item},`;
  }
  return [...rows, row].join("\n");
}

const array = (type: string, name: string, items: readonly string[]) =>
  `static const ${type} ${name}[${items.length}] = {\n${lines(items)}\n};\n`;

const floats = (values: readonly LayoutFloat[]) => Array.from(fromLayoutFloats(values), cFloat);

/** A string constant of printable ASCII; other bytes of its UTF-8 in octal. */
function cString(text: string): string {
  const bytes = Array.from(new TextEncoder().encode(text), (byte) =>
    byte < 32 || byte > 126 || byte === 34 || byte === 92 || byte === 63
      ? `\\${byte.toString(8).padStart(3, "0")}`
      : String.fromCharCode(byte),
  );
  return `"${bytes.join("")}"`;
}

function regionItem(
  { name, code, address, rowBits, rowBytes, rows, interleave }: LayoutRegion,
  r: number,
): string {
  const positions = code === null ? "0" : `qtaml_positions_${r}`;
  return `  {${cString(name)}, UINT64_C(${address}), ${rows}u, ${rowBytes}u, ${interleave}u, ${code?.wordBits ?? rowBits}u, ${code?.dataBits ?? rowBits}u, ${positions}},`;
}

function tensorItem(tensor: LayoutTensor, t: number): string {
  const { name, bits, dims, count, channelAxis, blockSize, steps, zeroPoints, segments } = tensor;
  const { channels, inner } = channelLayout(dims, channelAxis ?? undefined);
  const pointers = [
    dims.length === 0 ? "0" : `qtaml_dims_${t}`,
    `qtaml_segments_${t}`,
    steps === null ? "0" : `qtaml_steps_${t}`,
    zeroPoints === null ? "0" : `qtaml_zeros_${t}`,
  ];
  return `  {${cString(name)}, ${count}u, ${bits}u, ${dims.length}u, ${segments.length}u, ${channels}u, ${inner}u, ${blockSize ?? 0}u, ${pointers.join(", ")}},`;
}

function tensorArrays(tensor: LayoutTensor, t: number): string {
  const { dims, segments, steps, zeroPoints, bits } = tensor;
  const planes = segments.flatMap((s) =>
    s.planes.map((p) => `{UINT64_C(${p.offset}), ${p.region}u, ${p.bit}u}`),
  );
  const parts = segments.map(
    (s, i) => `{${s.start}u, ${s.count}u, qtaml_table_${s.table}, &qtaml_planes_${t}[${i * bits}]}`,
  );
  return [
    dims.length === 0
      ? ""
      : array(
          "uint32_t",
          `qtaml_dims_${t}`,
          dims.map((d) => `${d}u`),
        ),
    array("qtaml_plane", `qtaml_planes_${t}`, planes),
    array("qtaml_segment", `qtaml_segments_${t}`, parts),
    steps === null ? "" : array("float", `qtaml_steps_${t}`, floats(steps)),
    zeroPoints === null ? "" : array("float", `qtaml_zeros_${t}`, floats(zeroPoints)),
  ].join("");
}

/** The header `qtaml_memory.h` of a layout. */
export function firmwareHeader(layout: Layout): string {
  const { regions, tables, tensors, model, plan, polarity, generator } = layout;
  const positions = regions.map(({ code }, r) =>
    code === null
      ? ""
      : array(
          "uint16_t",
          `qtaml_positions_${r}`,
          code.dataPositions.map((j) => `${j}u`),
        ),
  );
  return `/* Layout of the weights in memory, made by ${generator}. C99.
 *
 * memory[r] points to the rows of region r, as its binary file holds them. What is read is what the memory yields:
 * put the words of a coded region through their decoder first.
 */
#ifndef QTAML_MEMORY_H
#define QTAML_MEMORY_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>

#define QTAML_MODEL_SHA256 "${model.sha256}"
#define QTAML_PLAN_SHA256 "${plan.sha256}"
#define QTAML_REGIONS ${regions.length}
#define QTAML_TENSORS ${tensors.length}
/* 1: the memory holds the complement of every bit. */
#define QTAML_INVERTED ${polarity === "inverted" ? 1 : 0}

/* ${regions.map((r, i) => `Region ${i}: ${r.name}, ${r.rows} rows of ${r.rowBits} bits, ${r.code?.name ?? "no code"}.`).join("\n * ")} */
typedef struct {
  const char *name;
  uint64_t address;           /* first byte in image.hex */
  uint32_t rows;
  uint32_t row_bytes;
  uint32_t interleave;        /* codewords in a row, bit by bit */
  uint32_t word_bits;
  uint32_t data_bits;         /* data bits of a word */
  const uint16_t *positions;  /* word bit of each data bit; 0: bit i is bit i */
} qtaml_region;

/* One bit of every weight of a segment: that of its first weight is data bit \`offset\` of the region. */
typedef struct {
  uint64_t offset;
  uint8_t region;
  uint8_t bit;
} qtaml_plane;

/* Neighbouring weights that are decoded by one table. */
typedef struct {
  uint32_t start;
  uint32_t count;
  const float *table;         /* [2^bits] */
  const qtaml_plane *planes;  /* [bits] */
} qtaml_segment;

/* weight = (table[code] - zero) * step; without steps the table holds the weights. */
typedef struct {
  const char *name;
  uint32_t count;
  uint32_t bits;
  uint32_t rank;
  uint32_t segment_count;
  uint32_t channels;          /* along the axis of the steps */
  uint32_t inner;             /* neighbours within a channel */
  uint32_t block;             /* channels that share a step; 0: one step for each channel */
  const uint32_t *dims;
  const qtaml_segment *segments;
  const float *steps;
  const float *zeros;
} qtaml_tensor;

${positions.join("")}${tables.map((values, i) => array("float", `qtaml_table_${i}`, floats(values))).join("")}${tensors.map(tensorArrays).join("")}
static const qtaml_region qtaml_regions[QTAML_REGIONS] = {
${regions.map(regionItem).join("\n")}
};

static const qtaml_tensor qtaml_tensors[QTAML_TENSORS] = {
${tensors.map(tensorItem).join("\n")}
};

/* Data bit \`bit\` of a region. */
static inline unsigned qtaml_bit(const uint8_t *rows, const qtaml_region *region, uint64_t bit) {
  const uint64_t word = bit / region->data_bits;
  const uint32_t i = (uint32_t)(bit % region->data_bits);
  const uint32_t j = region->positions == NULL ? i : region->positions[i];
  const uint64_t at = j * (uint64_t)region->interleave + word % region->interleave;
  const uint8_t byte = rows[word / region->interleave * region->row_bytes + (at >> 3)];
  return ((unsigned)(byte >> (at & 7u)) & 1u) ^ QTAML_INVERTED;
}

/* Segment of a weight. */
static inline const qtaml_segment *qtaml_find(const qtaml_tensor *tensor, uint32_t index) {
  uint32_t low = 0, high = tensor->segment_count - 1u;
  while (low < high) {
    const uint32_t middle = (low + high + 1u) / 2u;
    if (tensor->segments[middle].start <= index) low = middle;
    else high = middle - 1u;
  }
  return &tensor->segments[low];
}

/* Stored code of weight \`index\` in C order. */
static inline unsigned qtaml_code(const uint8_t *const memory[], const qtaml_tensor *tensor, uint32_t index) {
  const qtaml_segment *segment = qtaml_find(tensor, index);
  unsigned code = 0;
  for (uint32_t k = 0; k < tensor->bits; k++) {
    const qtaml_plane *plane = &segment->planes[k];
    code |= qtaml_bit(memory[plane->region], &qtaml_regions[plane->region], plane->offset + (index - segment->start))
            << plane->bit;
  }
  return code;
}

/* Weight \`index\` in C order. */
static inline float qtaml_weight(const uint8_t *const memory[], const qtaml_tensor *tensor, uint32_t index) {
  const float value = qtaml_find(tensor, index)->table[qtaml_code(memory, tensor, index)];
  if (tensor->steps == NULL) return value;
  const uint32_t channel = index / tensor->inner % tensor->channels;
  uint32_t step = channel;
  if (tensor->block != 0u) {
    const uint32_t blocks = (tensor->channels + tensor->block - 1u) / tensor->block;
    const uint32_t outer = index / tensor->inner / tensor->channels;
    step = (outer * blocks + channel / tensor->block) * tensor->inner + index % tensor->inner;
  }
  {
    const float centred = tensor->zeros == NULL ? value : value - tensor->zeros[step];
    return centred * tensor->steps[step];
  }
}

/* Weights \`first\` ... \`first + count - 1\`. */
static inline void qtaml_weights(const uint8_t *const memory[], const qtaml_tensor *tensor, uint32_t first,
                                 uint32_t count, float *out) {
  for (uint32_t i = 0; i < count; i++) out[i] = qtaml_weight(memory, tensor, first + i);
}

#endif
`;
}
