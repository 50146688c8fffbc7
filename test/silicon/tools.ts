/** @file The tools of hardware people, where this machine has them. */
import { execFileSync, spawnSync } from "node:child_process";

/** Whether a program starts. */
export function hasTool(program: string, ...args: string[]): boolean {
  return spawnSync(program, args, { stdio: "ignore" }).status === 0;
}

/** Runs a program to its end. @throws with what it said when it fails */
export function runTool(program: string, args: readonly string[], cwd: string): string {
  return execFileSync(program, args, {
    cwd,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
    maxBuffer: 1 << 26,
  });
}

/** The Python that has onnx and onnxruntime: `QTAML_PYTHON`, or `python3`. */
export const python = process.env["QTAML_PYTHON"] ?? "python3";

/** Whether Verilator can simulate a test bench with delays: from version 5, with a C++ compiler. */
function hasVerilatorSimulation(): boolean {
  const { stdout } = spawnSync("verilator", ["--version"], { encoding: "utf8" });
  return (
    /^Verilator ([5-9]|\d\d)\./.test(stdout ?? "") &&
    hasTool("g++", "--version") &&
    hasTool("make", "--version")
  );
}

/** What is here. */
export const tools = {
  iverilog: hasTool("iverilog", "-V") && hasTool("vvp", "-V"),
  verilator: hasTool("verilator", "--version"),
  simulation: hasVerilatorSimulation(),
  gcc: hasTool("gcc", "--version"),
  objcopy: hasTool("objcopy", "--version"),
  python: hasTool(python, "-c", "import numpy, onnx, onnxruntime"),
};

const called: Partial<Record<keyof typeof tools, string>> = {
  python: "Python with onnx and onnxruntime",
  simulation: "Verilator 5 with g++ and make",
};

/** What to add to the name of a test that is skipped for want of a tool. */
export function lacking(tool: keyof typeof tools): string {
  return tools[tool] ? "" : ` (skipped: ${called[tool] ?? tool} is missing)`;
}
