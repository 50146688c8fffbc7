/**
 * @file Where the bits of weights lie: a rectangle of cells. One simple layout, for models of faults that know
 * neighbours; what a memory compiler does is behind `order` and `columns`.
 */

/** Order of a tensor's cells: the bits of a weight beside each other (bit 0 first), or one bit plane after another. */
export const cellOrders = ["weights", "bit-planes"] as const;

/** How cells are arranged. */
export interface MemoryLayout {
  /** Cells of a row, which hang on one word line; 1024 unless told. */
  readonly columns: number;
  readonly order: (typeof cellOrders)[number];
}

/** What a layout needs to know of a tensor. */
export interface StoredSize {
  /** Number of weights. */
  readonly count: number;
  /** Bits of a code. */
  readonly bits: number;
}

/** The place of one bit in the codes. */
export interface BitPlace {
  /** Index of the tensor. */
  tensor: number;
  /** Index of the weight in it. */
  weight: number;
  /** Bit of its code, 0 the least significant. */
  bit: number;
}

/** The cells of a memory, numbered row by row; tensors follow one another without a gap. */
export interface CellMap {
  /** Cells of a word line. */
  readonly columns: number;
  /** Word lines. */
  readonly rows: number;
  /** Cells in use; the last row may be part empty. */
  readonly cells: number;
  /** Writes the place of a cell into `into`. Fast for cells that are asked for in ascending order. */
  locate(cell: number, into: BitPlace): void;
  /** Number of the cell of a bit: row `floor(cell / columns)`, column `cell % columns`. */
  cellOf(tensor: number, weight: number, bit: number): number;
  /** One past a tensor's last cell. */
  endOf(tensor: number): number;
}

/** Lays tensors out. @param layout cells of a row, and the order in which bits fill them */
export function mapCells(sizes: readonly StoredSize[], { columns, order }: MemoryLayout): CellMap {
  const starts = [0];
  for (const { count, bits } of sizes) starts.push(starts.at(-1)! + count * bits);
  const cells = starts.at(-1)!;
  let last = 0;
  return {
    columns,
    cells,
    rows: Math.ceil(cells / columns),
    endOf: (tensor) => starts[tensor + 1]!,
    locate(cell, into) {
      if (cell < starts[last]!) last = 0;
      while (cell >= starts[last + 1]!) last++;
      const { count, bits } = sizes[last]!;
      const own = cell - starts[last]!;
      into.tensor = last;
      if (order === "weights") {
        into.weight = Math.floor(own / bits);
        into.bit = own - into.weight * bits;
      } else {
        into.bit = Math.floor(own / count);
        into.weight = own - into.bit * count;
      }
    },
    cellOf(tensor, weight, bit) {
      const { count, bits } = sizes[tensor]!;
      return starts[tensor]! + (order === "weights" ? weight * bits + bit : bit * count + weight);
    },
  };
}
