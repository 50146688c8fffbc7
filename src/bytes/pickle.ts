/**
 * @file Tells files of Python objects by their first bytes. They are never read: a pickle is a program, which whoever
 * reads it runs.
 */

const startsWith = (head: Uint8Array, bytes: readonly number[]) => bytes.every((byte, i) => head[i] === byte);

/** The number that `torch.save` put before everything until PyTorch 1.6, as it is pickled. */
const torchNumber = [0x80, 0x02, 0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];

/** The name of the first member of a zip archive; empty for other files. */
function firstMember(head: Uint8Array): string {
  if (!startsWith(head, [0x50, 0x4b, 0x03, 0x04]) || head.byteLength < 30) return "";
  const length = new DataView(head.buffer, head.byteOffset).getUint16(26, true);
  return new TextDecoder().decode(head.subarray(30, 30 + length));
}

/**
 * What a file of Python objects is; undefined for another file. PyTorch's are archives that begin with the pickle or
 * with the first tensor, or, from before version 1.6, pickles of their own kind. Pickles of protocols 0 and 1 have no mark.
 *
 * @param head the file's first bytes; 512 are enough
 */
export function pickleKind(head: Uint8Array): "a PyTorch file" | "a Python pickle" | undefined {
  if (/^[^/]+\/data(\.pkl|\/\d+)$/.test(firstMember(head)) || startsWith(head, torchNumber)) {
    return "a PyTorch file";
  }
  return head[0] === 0x80 && head[1]! >= 2 && head[1]! <= 5 ? "a Python pickle" : undefined;
}
