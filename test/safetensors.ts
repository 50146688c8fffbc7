/** @file Safetensors files for tests. */

/** A tensor to write; `bytes` in little-endian order. */
export interface SafetensorsPart {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
}

/** The bytes of a header and of what follows it. */
export function joinSafetensors(header: string, data: Uint8Array): Uint8Array<ArrayBuffer> {
  const text = new TextEncoder().encode(header);
  const file = new Uint8Array(8 + text.byteLength + data.byteLength);
  new DataView(file.buffer).setBigUint64(0, BigInt(text.byteLength), true);
  file.set(text, 8);
  file.set(data, 8 + text.byteLength);
  return file;
}

/** A well-formed file. */
export function formatSafetensors(
  parts: Readonly<Record<string, SafetensorsPart>>,
  metadata?: Readonly<Record<string, string>>,
): Uint8Array<ArrayBuffer> {
  let end = 0;
  const entries = Object.entries(parts).map(([name, { dtype, shape, bytes }]) => {
    const begin = end;
    end += bytes.byteLength;
    return [name, { dtype, shape, data_offsets: [begin, end] }] as const;
  });
  const header = {
    ...(metadata === undefined ? {} : { __metadata__: metadata }),
    ...Object.fromEntries(entries),
  };
  const data = new Uint8Array(end);
  let at = 0;
  for (const { bytes } of Object.values(parts)) {
    data.set(bytes, at);
    at += bytes.byteLength;
  }
  return joinSafetensors(JSON.stringify(header), data);
}
