import { zipSync } from "fflate";
import { describe, expect, it } from "vitest";
import { pickleKind } from "./pickle.ts";

/** The first bytes of an archive with members of these names. */
const archive = (...names: string[]) =>
  zipSync(Object.fromEntries(names.map((name) => [name, Uint8Array.of(0x80, 2, 0x7d, 0x2e)]))).subarray(
    0,
    512,
  );

describe("pickleKind", () => {
  it.each([
    ["torch.save", archive("net/data.pkl", "net/data/0", "net/version")],
    ["torch.save, data in front", archive("archive/data/0", "archive/data.pkl")],
    [
      "torch.save before 1.6",
      Uint8Array.of(0x80, 2, 0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, 0x2e),
    ],
  ])("knows PyTorch's files: %s", (_name, head) => {
    expect(pickleKind(head)).toBe("a PyTorch file");
  });

  it.each([2, 3, 4, 5])("knows pickles of protocol %d", (protocol) => {
    expect(pickleKind(Uint8Array.of(0x80, protocol, 0x7d, 0x2e))).toBe("a Python pickle");
  });

  it.each([
    ["arrays", archive("x.npy", "y.npy")],
    ["an array called data", archive("data.npy")],
    ["an array in a folder", archive("set/data.npy")],
    ["an archive that is cut short", archive("net/data.pkl").subarray(0, 20)],
    ["the same number without its mark", Uint8Array.of(2, 0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9)],
    ["a later protocol", Uint8Array.of(0x80, 6, 0x7d)],
    ["nothing", new Uint8Array(0)],
  ])("takes nothing else for one: %s", (_name, head) => {
    expect(pickleKind(head)).toBeUndefined();
  });
});
