/** @file The files that a command reads, by its flags: no output may take the place of one. */

type Words = string | readonly string[] | undefined;

/** Flags whose values are files, or `NAME=FILE`. */
interface FileFlags {
  readonly calibration?: Words;
  readonly data?: Words;
  readonly device?: Words;
  readonly faults?: Words;
  readonly feed?: Words;
  readonly labels?: Words;
  readonly measure?: Words;
  readonly plan?: Words;
  readonly preprocessing?: Words;
  readonly results?: Words;
}

/**
 * Paths that a command may read. Some of them are other words, such as the name of a measure or of its own input: what
 * they are compared with is a file.
 *
 * @param model the command's argument, where it has one
 */
export function inputPaths(model: string | undefined, flags: FileFlags): string[] {
  const { calibration, data, device, faults, feed, labels, measure, plan, preprocessing, results } = flags;
  const files = [calibration, data, device, faults, feed, labels, measure, plan, preprocessing, results];
  return [model, ...files]
    .flatMap((words) => words ?? [])
    .flatMap((word) => (word.includes("=") ? [word, word.slice(word.indexOf("=") + 1)] : [word]));
}
