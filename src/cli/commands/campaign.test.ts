import { describe, expect, it } from "vitest";
import { causeWords } from "./campaign.ts";

describe("the bits to blame", () => {
  it("are a few in an account, with the number of the others", () => {
    const planes = Array.from({ length: 6 }, (_, bit) => ({ tensor: "7.weight", bit }));
    expect(causeWords([])).toBe("several together");
    expect(causeWords(planes.slice(0, 3))).toBe("7.weight bit 0, 7.weight bit 1, 7.weight bit 2");
    expect(causeWords(planes)).toBe("7.weight bit 0, 7.weight bit 1, 7.weight bit 2 and 3 more");
  });
});
