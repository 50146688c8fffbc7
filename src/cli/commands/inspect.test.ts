import { describe, expect, it } from "vitest";
import { sampleTensors } from "../../../test/report-sample.ts";
import { absenceNote, inspectionTable, measurementNotes, sensitivityHint } from "./inspect.ts";

describe("measurementNotes", () => {
  const [first, second, ...rest] = sampleTensors;

  it("says in one line when every logit was taken", () => {
    expect(measurementNotes(sampleTensors)).toEqual([
      `Jacobian of ${sampleTensors.length} tensors: exact gradients of every logit.`,
    ]);
  });

  it("says how many probes and how well they know it", () => {
    const rows = [
      { ...first!, method: "gradient-probes" as const, probes: 3, jacobianRelativeError: 0.021 },
      { ...second!, method: "gradient-probes" as const, probes: 3, jacobianRelativeError: 0.034 },
    ];
    expect(measurementNotes(rows)).toEqual([
      "Jacobian of 2 tensors: gradients of 3 random probes a sample; relative standard error up to 3.4 %.",
    ]);
  });

  it("names the tensors that forward runs measured, and the operator that stood in the way", () => {
    const probed = { method: "forward-probe" as const, probes: 8, jacobianRelativeError: 0.09 };
    const rows = [
      { ...first!, ...probed, stoppedBy: "GridSample" },
      { ...second!, ...probed, stoppedBy: null },
      ...rest,
    ];
    const notes = measurementNotes(rows);
    expect(notes).toHaveLength(3);
    expect(notes[0]).toBe(
      `Jacobian of 1 tensor (${first!.name}): forward runs with up to 8 random probes, because GridSample has no gradient rule; relative standard error up to 9.0 %.`,
    );
    expect(notes[1]).toContain(`(${second!.name}): forward runs with up to 8 random probes; relative`);
  });

  it("shows names as one harmless line", () => {
    const rude = { ...first!, method: "assumed" as const, name: "a\n\u001b[31mb" };
    expect(measurementNotes([rude])[0]).toContain("(a\ufffd\ufffd[31mb)");
  });

  it("says nothing without a Jacobian", () => {
    expect(measurementNotes(sampleTensors.map((t) => ({ ...t, method: null, probes: null })))).toEqual([]);
  });
});

describe("sensitivityHint", () => {
  const surveyed = sampleTensors.map((t) => ({ ...t, jacobianMeanSquare: null, score: null }));

  it("names the flag that measures sensitivities, where they were not", () => {
    expect(sensitivityHint(surveyed, true)).toBe(
      "Sensitivities (mean J², score) were not measured: give inputs with --data (labels are not needed).",
    );
  });

  it("asks for the network where there are only weights", () => {
    expect(sensitivityHint(surveyed, false)).toMatch(
      /they take the network, as ONNX, and inputs with --data\.$/,
    );
  });

  it("says nothing where they are in the table", () => {
    expect(sensitivityHint(sampleTensors, true)).toBeUndefined();
  });
});

describe("inspectionTable", () => {
  const rows = sampleTensors.map((t, i) => ({ ...t, name: `encoder.layers.${i}.attention.weight` }));

  it("has every column where there is room", () => {
    const [header] = inspectionTable(rows, 200).split("\n");
    for (const word of ["operator", "shape", "format", "step", "mean J²", "score"])
      expect(header).toContain(word);
  });

  it("stays a table on 80 columns: numbers are whole, and the columns that are left out are named", () => {
    const text = inspectionTable(rows, 80);
    const lines = text.split("\n");
    expect(lines).toHaveLength(rows.length + 3);
    for (const line of lines) expect(Array.from(line).length).toBeLessThanOrEqual(80);
    expect(lines[0]).toMatch(/^tensor .*weight w reads as .*error sd .*mean J² +score$/);
    expect(lines.at(-1)).toMatch(/also has: operator, .*step/);
    // Only names are cut.
    for (const line of lines.slice(2, -1)) expect(line.replace(/^\S+/, "")).not.toContain("…");
  });
});

describe("absenceNote", () => {
  const absent = (name: string, count: number, role: "bias" | "scale" | undefined, reason: string) => ({
    name,
    dims: [count],
    count,
    role,
    reason,
  });

  it("counts what is left out by kind, with the flag that brings it in", () => {
    expect(
      absenceNote([
        absent("a.bias", 1000, "bias", "biases"),
        absent("b.bias", 500, "bias", "biases"),
        absent("s", 1, "scale", "scales"),
        absent("value", 1, undefined, "constant operand of Pad"),
      ]),
    ).toBe(
      [
        "Not in the memory, as activations are not:",
        "  2 tensors (biases; 1,500 numbers; --biases)",
        "  1 tensor (scales; 1 number; --quantisation-parameters)",
        "  1 tensor (constant operand of Pad; 1 number)",
      ].join("\n"),
    );
    expect(absenceNote([absent("a.bias", 1000, "bias", "biases")])).toBe(
      "Not in the memory: 1 tensor (biases; 1,000 numbers; --biases). Nor are activations.",
    );
  });

  it("says nothing when nothing is left out", () => {
    expect(absenceNote([])).toBeUndefined();
  });
});
