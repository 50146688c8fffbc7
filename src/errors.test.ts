import { describe, expect, it } from "vitest";
import { QtamlError } from "./errors.ts";

describe("the sentence of an error", () => {
  it("stays on one line and harmless whatever a file's names hold", () => {
    const { message } = new QtamlError("invalid-file", 'Tensor "a\u0000\r\n\u001b[31m\u202eb" is damaged.');
    expect(message).toBe('Tensor "a\ufffd[31m\ufffdb" is damaged.');
  });

  it("loses its middle where a name is as long as a file, and keeps thing and remedy", () => {
    const { message } = new QtamlError(
      "invalid-file",
      `Tensor "${"x".repeat(1e6)}" is damaged; copy it again.`,
    );
    expect(message).toHaveLength(805);
    expect(message).toMatch(/^Tensor "x+ \.\.\. x+" is damaged; copy it again\.$/);
  });

  it("is otherwise as it was written", () => {
    const { message, code, name } = new QtamlError("aborted", "Größe 3 × 4: übel.");
    expect({ message, code, name }).toEqual({
      message: "Größe 3 × 4: übel.",
      code: "aborted",
      name: "QtamlError",
    });
  });
});
