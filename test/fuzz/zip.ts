/** @file Mutators for zip archives (`.npz`): fields of the headers, entries repeated, and archives that grow. */
import { zipSync } from "fflate";
import { concatBytes, type Mutator } from "./bytes.ts";
import { edgeIntegers } from "./random.ts";

/** Offsets of the fields of each header after its signature, with their widths. */
const headers: readonly { signature: number; fields: readonly (readonly [number, number])[] }[] = [
  {
    signature: 0x04034b50,
    fields: [
      [6, 2],
      [8, 2],
      [14, 4],
      [18, 4],
      [22, 4],
      [26, 2],
      [28, 2],
    ],
  },
  {
    signature: 0x02014b50,
    fields: [
      [8, 2],
      [10, 2],
      [16, 4],
      [20, 4],
      [24, 4],
      [28, 2],
      [30, 2],
      [32, 2],
      [42, 4],
    ],
  },
  {
    signature: 0x06054b50,
    fields: [
      [4, 2],
      [6, 2],
      [8, 2],
      [10, 2],
      [12, 4],
      [16, 4],
      [20, 2],
    ],
  },
];

const headerField: Mutator = (bytes, random) => {
  const out = bytes.slice();
  const view = new DataView(out.buffer);
  const found: (readonly [number, number])[] = [];
  for (let at = 0; at + 22 <= out.byteLength; at++) {
    const header = headers.find((h) => h.signature === view.getUint32(at, true));
    for (const [offset, width] of header?.fields ?? []) {
      if (at + offset + width <= out.byteLength) found.push([at + offset, width]);
    }
  }
  if (found.length === 0) return out;
  for (let k = random.span(3); k > 0; k--) {
    const [at, width] = random.pick(found);
    const value = Number(BigInt.asUintN(32, random.pick(edgeIntegers)));
    const small = random.chance(0.3) ? random.below(out.byteLength + 2) : value;
    if (width === 2) view.setUint16(at, small & 0xffff, true);
    else view.setUint32(at, small, true);
  }
  return out;
};

/** An archive inside the entry of an archive, or an entry named like another one. */
const rezip: Mutator = (bytes, random) => {
  const name = random.pick([
    "x.npy",
    "y.npy",
    "",
    "../x.npy",
    "/etc/x.npy",
    "__proto__.npy",
    "x.npy/",
    "a".repeat(70_000),
  ]);
  return zipSync({ [name]: bytes }, { level: random.pick([0, 9]) });
};

const growing = (byte: number, megabytes: number) => () =>
  zipSync({ "x.npy": new Uint8Array(megabytes << 20).fill(byte) }, { level: 9 });

let bombs: Uint8Array[] | undefined;

/** Archives of a few hundred kilobytes that unpack to hundreds of megabytes, joined to what was there. */
const bomb: Mutator = (bytes, random) => {
  bombs ??= [growing(0, 64)(), growing(0x93, 160)()];
  const chosen = random.pick(bombs);
  return random.chance(0.5) ? chosen : concatBytes(bytes.subarray(0, random.below(bytes.byteLength)), chosen);
};

/** Mutators for zip archives. Bombs are slow, so they come seldom. */
export const zipMutators: readonly Mutator[] = [
  headerField,
  headerField,
  rezip,
  (bytes, random, others) => (random.chance(0.002) ? bomb : headerField)(bytes, random, others),
];
