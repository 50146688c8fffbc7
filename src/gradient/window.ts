/** @file Sliding windows: strides, dilations and padding of convolution and pooling nodes, all made explicit. */
import type { Dims } from "../onnx/index.ts";
import type { Range } from "./builder.ts";
import type { RuleContext } from "./rule.ts";

/** Where windows lie, by spatial axis. */
export interface Window {
  readonly kernel: Dims;
  readonly strides: Dims;
  readonly dilations: Dims;
  /** Padding before the first element; the padding after it follows from the shapes. */
  readonly begin: Dims;
  /** Padding after the last element as the node states it. */
  readonly end: Dims;
}

/** Elements that a window spans. */
export function span(window: Window, axis: number): number {
  return window.dilations[axis]! * (window.kernel[axis]! - 1) + 1;
}

/**
 * The window of a convolution or pooling node.
 *
 * @param wide spatial sizes on the side of the padding (the input; the output of a ConvTranspose)
 * @param narrow spatial sizes with one element for each window
 */
export function resolveWindow(c: RuleContext, kernel: Dims, wide: Dims, narrow: Dims): Window {
  const ones = kernel.map(() => 1);
  const strides = c.ints("strides") ?? ones;
  const dilations = c.ints("dilations") ?? ones;
  const pads = c.ints("pads") ?? kernel.flatMap(() => [0, 0]);
  const autoPad = c.string("auto_pad", "NOTSET");
  const geometry = { kernel, strides, dilations, begin: ones, end: ones };
  if (!autoPad.startsWith("SAME")) {
    const explicit = autoPad === "VALID" ? pads.map(() => 0) : pads;
    return { ...geometry, begin: explicit.slice(0, kernel.length), end: explicit.slice(kernel.length) };
  }
  const total = kernel.map((_, i) =>
    Math.max(0, (narrow[i]! - 1) * strides[i]! + span(geometry, i) - wide[i]!),
  );
  const small = total.map((t) => Math.floor(t / 2));
  const large = total.map((t) => Math.ceil(t / 2));
  return autoPad === "SAME_UPPER"
    ? { ...geometry, begin: small, end: large }
    : { ...geometry, begin: large, end: small };
}

/** Every offset in a kernel, the last axis fastest. */
export function offsets(kernel: Dims): number[][] {
  let all: number[][] = [[]];
  for (const k of kernel) all = all.flatMap((o) => Array.from({ length: k }, (_, i) => [...o, i]));
  return all;
}

/**
 * What one kernel offset reads from the padded input, along one axis.
 *
 * @param offset position in the kernel
 * @param count number of windows
 */
export function tap(window: Window, axis: number, offset: number, count: number): Range {
  const start = offset * window.dilations[axis]!;
  const stride = window.strides[axis]!;
  return [start, start + (count - 1) * stride + 1, stride];
}

/** Zeros needed after each spatial axis so that the last window is whole; negative when the end is never read. */
export function trailing(window: Window, wide: Dims, narrow: Dims): number[] {
  return narrow.map((n, i) => (n - 1) * window.strides[i]! + span(window, i) - wide[i]! - window.begin[i]!);
}
