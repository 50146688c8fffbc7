import { describe, expect, it } from "vitest";
import { imageRequest, randomTensors } from "../../../test/silicon/image-parts.ts";
import { buildImage } from "../../image/index.ts";
import { memoryAccount } from "./memory-image.ts";

/** What is said of an image whose bits are all protected, or none. */
function account(code: string | null, isProtected: boolean): string {
  const request = imageRequest(randomTensors(), code);
  const tensors = request.tensors.map(({ tensor, segments }) => ({
    tensor,
    segments: segments.map((s) => (isProtected ? s : { ...s, protectedMask: 0, codes: [] })),
  }));
  return memoryAccount(buildImage({ ...request, tensors }).layout, "image");
}

describe("a memory image in lines", () => {
  it("speaks of a protected region where there is one", () => {
    expect(account(null, true)).toContain(
      "Ideal protection: no parity is stored, and the cells of the protected",
    );
    expect(account("secded(22,16)", true)).toMatch(/^Parity: [\d,]+ bits, /m);
    const nothing = account(null, false);
    expect(nothing).toContain("The plan protects no bits: ");
    expect(nothing).not.toMatch(/Ideal|must not fail/);
  });
});
