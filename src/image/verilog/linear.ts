/**
 * @file SystemVerilog of binary linear codes: encoders by parity equations, and combinational decoders of those that
 * correct one error, vote, or only notice.
 */
import { bitsToHex } from "../bits.ts";
import type { WordCode } from "../../ecc/index.ts";

/** [n][k] for each codeword bit, 1 at the data bits whose sum it is. */
export function generator(code: WordCode): Uint8Array[] {
  const rows = Array.from({ length: code.wordBits }, () => new Uint8Array(code.dataBits));
  for (let i = 0; i < code.dataBits; i++) {
    const unit = new Uint8Array(code.dataBits);
    unit[i] = 1;
    code.encode(unit).forEach((bit, j) => (rows[j]![i] = bit));
  }
  return rows;
}

/** A sized hexadecimal constant. @param bits bit 0 first */
export function constant(bits: ArrayLike<number>): string {
  return `${bits.length}'h${bitsToHex(bits)}`;
}

/** 1 at the members of a list. */
export function indicator(list: readonly number[], size: number): Uint8Array {
  const bits = new Uint8Array(size);
  for (const j of list) bits[j] = 1;
  return bits;
}

/** A vector's range. */
export const range = (bits: number) => `[${bits - 1}:0]`;

/** A comment at the head of every file. */
export function heading(code: WordCode, what: string): string {
  return [
    `// ${what} of ${code.name}: ${code.dataBits} data bits in words of ${code.wordBits}, made by qtaml.`,
    `// Bit j of a word is bit j of the layout's codeword; layout.json lists the parity equations.`,
    "",
  ].join("\n");
}

/** The encoder: a word of parity equations over the data. */
export function encoderModule(code: WordCode, name: string): string {
  const { wordBits, dataBits, dataPositions } = code;
  const dataAt = new Map(dataPositions.map((j, i) => [j, i]));
  const lines = generator(code).map((row, j) => {
    const i = dataAt.get(j);
    return i === undefined
      ? `  assign word[${j}] = ^(data & ${constant(row)});`
      : `  assign word[${j}] = data[${i}];`;
  });
  return `${heading(code, "Encoder")}
module ${name} (
    input  logic ${range(dataBits)} data,
    output logic ${range(wordBits)} word
);
${lines.join("\n")}
endmodule
`;
}

/** The combinational port list that all decoders of one clock-free step share. */
function decoderPorts(code: WordCode, name: string): string {
  return `module ${name} (
    input  logic ${range(code.wordBits)} word,
    output logic ${range(code.dataBits)} data,
    output logic corrected,
    output logic uncorrectable
);`;
}

/** The syndrome of `word`: one bit a parity equation. */
export function syndromeLines(code: WordCode): string {
  const { checks, wordBits } = code;
  const lines = checks.map(
    (list, i) => `  assign syndrome[${i}] = ^(word & ${constant(indicator(list, wordBits))});`,
  );
  return `  logic ${range(checks.length)} syndrome;\n${lines.join("\n")}`;
}

/** Decoder of a code that corrects one error: the column of the parity equations that equals the syndrome is the error. */
export function syndromeDecoder(code: WordCode, name: string): string {
  const { checks, wordBits, dataPositions } = code;
  const columns = Array.from({ length: wordBits }, (_, j) =>
    Uint8Array.from(checks, (list) => (list.includes(j) ? 1 : 0)),
  );
  const flips = columns.map((column, j) => `  assign flip[${j}] = syndrome == ${constant(column)};`);
  const data = dataPositions.map((j, i) => `  assign data[${i}] = word[${j}] ^ flip[${j}];`);
  return `${heading(code, "Decoder")}
${decoderPorts(code, name)}
${syndromeLines(code)}
  logic ${range(wordBits)} flip;
${flips.join("\n")}
${data.join("\n")}
  assign corrected = |flip;
  assign uncorrectable = (|syndrome) & ~(|flip);
endmodule
`;
}

/** Decoder of a repetition code: the majority of the copies of each data bit. */
export function majorityDecoder(code: WordCode, name: string): string {
  const copies = generator(code);
  const { dataBits, wordBits } = code;
  const half = Math.floor(wordBits / dataBits / 2);
  const votes = Array.from({ length: dataBits }, (_, i) => {
    const places = copies.flatMap((row, j) => (row[i] === 1 ? [j] : []));
    const sum = places.map((j) => `int'(word[${j}])`).join(" + ");
    const same = places.map((j) => `(word[${j}] ^ data[${i}])`).join(" | ");
    return `  assign data[${i}] = (${sum}) > ${half};\n  assign differs[${i}] = ${same};`;
  });
  return `${heading(code, "Decoder by majority")}
${decoderPorts(code, name)}
  logic ${range(dataBits)} differs;
${votes.join("\n")}
  assign corrected = |differs;
  assign uncorrectable = 1'b0;
endmodule
`;
}

/** Decoder of a code that only notices errors: the data of a damaged word are read as zeros. */
export function erasingDecoder(code: WordCode, name: string): string {
  const data = code.dataPositions.map((j, i) => `  assign data[${i}] = word[${j}] & ~uncorrectable;`);
  return `${heading(code, "Decoder that erases damaged words")}
${decoderPorts(code, name)}
${syndromeLines(code)}
${data.join("\n")}
  assign corrected = 1'b0;
  assign uncorrectable = |syndrome;
endmodule
`;
}
