/**
 * @file A self-checking test bench for an encoder and a decoder. Its vectors are words of the memory image, as they are
 * and with errors, and what qtaml's own code makes of them.
 */
import { bitsToHex } from "../bits.ts";
import type { WordCode } from "../../ecc/index.ts";
import { heading, range } from "./linear.ts";

/** One test: data, its codeword, a word with errors, and what the decoder must say. */
export interface Vector {
  readonly data: Uint8Array;
  readonly codeword: Uint8Array;
  readonly received: Uint8Array;
  readonly expected: Uint8Array;
  readonly corrected: boolean;
  readonly uncorrectable: boolean;
}

/** The file of vectors: `{uncorrectable, corrected, expected, received, codeword, data}`, one a line. */
export function vectorFile(vectors: readonly Vector[]): string {
  const lines = vectors.map(({ data, codeword, received, expected, corrected, uncorrectable }) =>
    bitsToHex([...data, ...codeword, ...received, ...expected, corrected ? 1 : 0, uncorrectable ? 1 : 0]),
  );
  return `${lines.join("\n")}\n`;
}

/** What the test bench is told of the region whose words it reads at its end. */
export interface TestedRegion {
  readonly rows: number;
  readonly rowBits: number;
  readonly interleave: number;
  readonly isInverted: boolean;
  /** Path of the `$readmemh` file from the folder of the test bench. */
  readonly file: string;
}

/** Names of the modules under test. */
export interface Names {
  readonly encoder: string;
  readonly decoder: string;
  readonly testbench: string;
}

const combinational = {
  signals: "",
  instance: (decoder: string) =>
    `  ${decoder} decoder (.word(word), .data(decoded), .corrected(corrected), .uncorrectable(uncorrectable));`,
  task: "    #1;",
};

const clocked = {
  signals: `  logic clk = 1'b0;
  logic reset = 1'b1;
  logic in_valid = 1'b0;
  logic in_ready;
  logic out_valid;
  initial forever #5 clk = ~clk;
`,
  instance: (decoder: string) =>
    `  ${decoder} decoder (.clk(clk), .reset(reset), .in_valid(in_valid), .in_ready(in_ready), .word(word),
      .out_valid(out_valid), .data(decoded), .corrected(corrected), .uncorrectable(uncorrectable));`,
  task: `    @(negedge clk);
    while (!in_ready) @(negedge clk);
    in_valid = 1'b1;
    @(negedge clk);
    in_valid = 1'b0;
    while (!out_valid) @(negedge clk);`,
};

/**
 * The test bench. It ends with a line `PASS: ...` and status 0, or stops at the first difference with `$fatal`. Run it
 * in its own folder.
 */
export function testbenchModule(
  code: WordCode,
  names: Names,
  vectors: number,
  region: TestedRegion,
  isClocked: boolean,
): string {
  const { dataBits: k, wordBits: n } = code;
  const width = 2 * k + 2 * n + 2;
  const kind = isClocked ? clocked : combinational;
  return `${heading(code, "Test bench")}module ${names.testbench};
  localparam int VECTORS = ${vectors};
  localparam int ROWS = ${region.rows};
  localparam int INTERLEAVE = ${region.interleave};

  logic ${range(width)} vectors [0:VECTORS-1];
  logic ${range(region.rowBits)} rows [0:ROWS-1];
  logic ${range(region.rowBits)} row;

  logic ${range(k)} plain;
  logic ${range(n)} encoded;
  logic ${range(n)} word;
  logic ${range(k)} decoded;
  logic corrected;
  logic uncorrectable;
${kind.signals}
  ${names.encoder} encoder (.data(plain), .word(encoded));
${kind.instance(names.decoder)}

  // Stops where a file is not there.
  task automatic need(input string name);
    int file;
    file = $fopen(name, "r");
    if (file == 0) $fatal(1, "%s cannot be read: run the test bench in its own folder", name);
    $fclose(file);
  endtask

  // Puts a word through the decoder.
  task automatic decode(input logic ${range(n)} received);
    word = received;
${kind.task}
  endtask

  initial begin
    need("vectors.memh");
    need("${region.file}");
    // Where a file is short these stay: flags that no decoder raises together, and words that are no codewords.
    for (int v = 0; v < VECTORS; v++) vectors[v] = '1;
    row = {${region.rowBits - region.interleave}'b0, {INTERLEAVE{1'b1}}};
    for (int r = 0; r < ROWS; r++) rows[r] = ${region.isInverted ? "~" : ""}row;
    $readmemh("vectors.memh", vectors);
    $readmemh("${region.file}", rows);
${isClocked ? "    repeat (2) @(negedge clk);\n    reset = 1'b0;\n" : ""}    for (int v = 0; v < VECTORS; v++) begin
      plain = vectors[v]${range(k)};
      #1;
      if (encoded !== vectors[v][${k + n - 1}:${k}])
        $fatal(1, "vector %0d: data %h is encoded as %h, not as %h", v, plain, encoded, vectors[v][${k + n - 1}:${k}]);
      decode(vectors[v][${k + 2 * n - 1}:${k + n}]);
      if (decoded !== vectors[v][${2 * k + 2 * n - 1}:${k + 2 * n}])
        $fatal(1, "vector %0d: word %h is decoded as %h, not as %h", v, word, decoded, vectors[v][${2 * k + 2 * n - 1}:${k + 2 * n}]);
      if ({uncorrectable, corrected} !== vectors[v][${width - 1}:${width - 2}])
        $fatal(1, "vector %0d: word %h has flags %b, not %b", v, word, {uncorrectable, corrected}, vectors[v][${width - 1}:${width - 2}]);
    end
    for (int r = 0; r < ROWS; r++) begin
      row = ${region.isInverted ? "~" : ""}rows[r];
      for (int d = 0; d < INTERLEAVE; d++) begin
        logic ${range(n)} stored;
        for (int j = 0; j < ${n}; j++) stored[j] = row[j * INTERLEAVE + d];
        decode(stored);
        plain = decoded;
        #1;
        if (corrected || uncorrectable || encoded !== stored)
          $fatal(1, "row %0d, codeword %0d of the memory image is no codeword: %h", r, d, stored);
      end
    end
    $display("PASS: %0d vectors, %0d codewords of the memory image", VECTORS, ROWS * INTERLEAVE);
    $finish;
  end
endmodule
`;
}
