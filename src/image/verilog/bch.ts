/**
 * @file SystemVerilog of a decoder for binary BCH codes: one step of the key equation and one position of the word a
 * clock, small rather than fast.
 */
import { fieldOf, type Field, type WordCode } from "../../ecc/index.ts";
import { constant, heading, range } from "./linear.ts";

/** What the decoder needs of a BCH code, besides its words. */
export interface BchParameters {
  readonly field: Field;
  /** [n] codeword bit j is the coefficient of x^exponents[j]. */
  readonly exponents: readonly number[];
}

/** Masks of the bits of the syndromes S_1 ... S_2t over the codeword: `[2t][m]`, each of n bits. */
function syndromeMasks(code: WordCode, { field, exponents }: BchParameters): Uint8Array[][] {
  return Array.from({ length: 2 * code.corrects }, (_, s) =>
    Array.from({ length: field.bits }, (_unused, b) =>
      Uint8Array.from(exponents, (e) => (field.power((s + 1) * e) >> b) & 1),
    ),
  );
}

/** The parameters of a BCH code in a description of it. */
export function bchParameters(code: WordCode): BchParameters {
  const { m, polynomial, exponents } = code.parameters;
  if (typeof m !== "number" || typeof polynomial !== "number" || !Array.isArray(exponents))
    throw new Error(`${code.name} does not say its field`);
  return { field: fieldOf(m, polynomial), exponents };
}

/**
 * The decoder. Syndromes are parity equations; the error locator comes from the inversionless Berlekamp-Massey
 * algorithm (Sarwate and Shanbhag, "High-speed architectures for Reed-Solomon decoders", 2001), one of its 2t steps a
 * clock; its roots from a Chien search, one position a clock. A word counts as corrected only if the result is a
 * codeword, so that words beyond the code's power come out as they went in.
 */
export function bchDecoder(code: WordCode, name: string): string {
  const { wordBits, dataBits, corrects: t, dataPositions } = code;
  const parameters = bchParameters(code);
  const { field, exponents } = parameters;
  const m = field.bits;
  const order = 2 ** m - 1;
  const masks = syndromeMasks(code, parameters);
  const syndromes = masks.flatMap((rows, s) =>
    rows.map((mask, b) => `  assign syndrome_${s}[${b}] = ^(held & ${constant(mask)});`),
  );
  // The search starts at the exponent of word bit 0 and goes on to those of its neighbours.
  const step = wordBits > 1 ? exponents[1]! - exponents[0]! : 1;
  if (exponents.some((e, j) => e !== exponents[0]! + step * j))
    throw new Error(`${code.name} has bits out of order`);
  const hex = (value: number) => `${m}'h${value.toString(16)}`;
  const start = Array.from({ length: t + 1 }, (_, i) => field.power(modulo(-i * exponents[0]!, order)));
  const advance = Array.from({ length: t + 1 }, (_, i) => field.power(modulo(-i * step, order)));
  const each = (make: (i: number) => string) => Array.from({ length: t + 1 }, (_, i) => make(i)).join("\n");
  const below = (make: (i: number) => string) => Array.from({ length: t }, (_, i) => make(i)).join("\n");
  const counter = Math.ceil(Math.log2(Math.max(wordBits, 2 * t) + 1));
  const signed = Math.ceil(Math.log2(2 * t + 2)) + 1;
  return `${heading(code, "Decoder")}// A word is taken when in_valid and in_ready are high; out_valid is high for one clock, at most ${2 * t + wordBits + 4} clocks later.
module ${name} (
    input  logic clk,
    input  logic reset,
    input  logic in_valid,
    output logic in_ready,
    input  logic ${range(wordBits)} word,
    output logic out_valid,
    output logic ${range(dataBits)} data,
    output logic corrected,
    output logic uncorrectable
);
  // Product in GF(2^${m}) modulo the polynomial 0x${field.polynomial.toString(16)}.
  function automatic [${m - 1}:0] product(input [${m - 1}:0] a, input [${m - 1}:0] b);
    integer i;
    begin
      product = '0;
      for (i = ${m - 1}; i >= 0; i = i - 1) begin
        product = {product[${m - 2}:0], 1'b0} ^ (product[${m - 1}] ? ${hex(field.polynomial & order)} : ${m}'h0);
        if (b[i]) product = product ^ a;
      end
    end
  endfunction

  typedef enum logic [2:0] {IDLE, CHECK, SOLVE, LOAD, SEARCH, APPLY, VERIFY, DONE} state_t;
  state_t state;

  logic ${range(wordBits)} held;      // the word, and the corrected word while it is verified
  logic ${range(wordBits)} original;
  logic ${range(wordBits)} flips;     // positions found to be wrong
  logic ${range(m)} ${named("syndrome", 2 * t)};
${syndromes.join("\n")}
  logic is_codeword;
  assign is_codeword = ~(|{${Array.from({ length: 2 * t }, (_, s) => `syndrome_${s}`).join(", ")}});

  logic ${range(m)} ${named("queue", 2 * t)};  // syndromes to come, the next one first
  logic ${range(m)} ${named("window", t)};  // syndromes seen, the last one first
  logic ${range(m)} ${named("locator", t + 1)};
  logic ${range(m)} ${named("support", t)};
  logic ${range(m)} gamma;
  logic signed ${range(signed)} excess;
  logic ${range(counter)} count;

  logic ${range(m)} delta;
  logic ${range(m)} ${named("seen", t + 1)};
  assign seen_0 = queue_0;
${Array.from({ length: t }, (_, i) => `  assign seen_${i + 1} = window_${i};`).join("\n")}
  assign delta = ${Array.from({ length: t + 1 }, (_, i) => `product(locator_${i}, seen_${i})`).join(" ^ ")};

  logic ${range(m)} value;
  assign value = ${Array.from({ length: t + 1 }, (_, i) => `locator_${i}`).join(" ^ ")};

  assign in_ready = state == IDLE;
${dataPositions.map((j, i) => `  assign data[${i}] = held[${j}];`).join("\n")}

  always_ff @(posedge clk) begin
    out_valid <= 1'b0;
    if (reset) begin
      state <= IDLE;
      corrected <= 1'b0;
      uncorrectable <= 1'b0;
    end else begin
      case (state)
        IDLE: if (in_valid) begin
          held <= word;
          original <= word;
          corrected <= 1'b0;
          uncorrectable <= 1'b0;
          state <= CHECK;
        end
        CHECK: begin
${Array.from({ length: 2 * t }, (_, s) => `          queue_${s} <= syndrome_${s};`).join("\n")}
${each((i) => `          locator_${i} <= ${i === 0 ? hex(1) : "'0"};`)}
${below((i) => `          window_${i} <= '0;\n          support_${i} <= ${i === 0 ? hex(1) : "'0"};`)}
          gamma <= ${hex(1)};
          excess <= '0;
          count <= '0;
          if (is_codeword) begin
            out_valid <= 1'b1;
            state <= DONE;
          end else state <= SOLVE;
        end
        SOLVE: begin
${Array.from({ length: 2 * t }, (_, s) => `          queue_${s} <= ${s === 2 * t - 1 ? "'0" : `queue_${s + 1}`};`).join("\n")}
${below((i) => `          window_${i} <= seen_${i};`)}
${each((i) => `          locator_${i} <= product(gamma, locator_${i})${i === 0 ? "" : ` ^ product(delta, support_${i - 1})`};`)}
          if (delta != '0 && excess >= 0) begin
${below((i) => `            support_${i} <= locator_${i};`)}
            gamma <= delta;
            excess <= -excess - ${signed}'sd1;
          end else begin
${below((i) => `            support_${i} <= ${i === 0 ? "'0" : `support_${i - 1}`};`)}
            excess <= excess + ${signed}'sd1;
          end
          count <= count + 1'b1;
          if (count == ${counter}'d${2 * t - 1}) state <= LOAD;
        end
        LOAD: begin
${each((i) => `          locator_${i} <= product(locator_${i}, ${hex(start[i]!)});`)}
          count <= '0;
          state <= SEARCH;
        end
        SEARCH: begin
          flips[count] <= value == '0;
${each((i) => `          locator_${i} <= product(locator_${i}, ${hex(advance[i]!)});`)}
          count <= count + 1'b1;
          if (count == ${counter}'d${wordBits - 1}) state <= APPLY;
        end
        APPLY: begin
          held <= held ^ flips;
          state <= VERIFY;
        end
        VERIFY: begin
          if (is_codeword) corrected <= 1'b1;
          else begin
            held <= original;
            uncorrectable <= 1'b1;
          end
          out_valid <= 1'b1;
          state <= DONE;
        end
        default: state <= IDLE;
      endcase
    end
  end
endmodule
`;
}

/** Names with numbers from 0. */
const named = (name: string, count: number) =>
  Array.from({ length: count }, (_, i) => `${name}_${i}`).join(", ");

const modulo = (value: number, by: number) => ((value % by) + by) % by;
