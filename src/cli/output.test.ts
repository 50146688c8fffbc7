import { describe, expect, it } from "vitest";
import { harmless } from "./output.ts";

const escape = String.fromCharCode(27);

describe("what is said", () => {
  const lines = `${escape}[31mred${escape}[39m\nnext${escape}]52;c;aGk=\u0007\r${escape}[2J\u009b2J`;

  it("keeps colours where the stream has them, and nothing else that steers a terminal", () => {
    expect(harmless(lines, true)).toBe(
      `${escape}[31mred${escape}[39m\nnext\ufffd]52;c;aGk=\ufffd\ufffd\ufffd[2J\ufffd2J`,
    );
  });

  it("has no colours where the stream has none", () => {
    expect(harmless(lines, false)).toBe(
      "\ufffd[31mred\ufffd[39m\nnext\ufffd]52;c;aGk=\ufffd\ufffd\ufffd[2J\ufffd2J",
    );
  });
});
