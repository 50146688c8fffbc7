import { describe, expect, it, vi } from "vitest";
import { harmless, sayJson } from "./output.ts";

const escape = String.fromCharCode(27);

describe("what is said", () => {
  const lines = `${escape}[31mred${escape}[39m\nnext${escape}]52;c;aGk=\u0007\r${escape}[2J\u009b2J`;

  it("keeps colours where the stream has them, and nothing else that steers a terminal", () => {
    expect(harmless(lines, true)).toBe(
      `${escape}[31mred${escape}[39m\nnext\ufffd]52;c;aGk=\ufffd\ufffd\ufffd[2J\ufffd2J`,
    );
  });

  it("escapes what steers a terminal in JSON, which stays the same JSON", () => {
    const value = { [`${escape}[2J\u009b2J`]: "\u007f\u0085é" };
    const write = vi.spyOn(process.stdout, "write").mockReturnValue(true);
    sayJson(value);
    const text = String(write.mock.calls[0]![0]);
    write.mockRestore();
    expect(text).not.toMatch(/[^\P{Cc}\n]/u);
    expect(JSON.parse(text)).toEqual(value);
  });

  it("has no colours where the stream has none", () => {
    expect(harmless(lines, false)).toBe(
      "\ufffd[31mred\ufffd[39m\nnext\ufffd]52;c;aGk=\ufffd\ufffd\ufffd[2J\ufffd2J",
    );
  });
});
