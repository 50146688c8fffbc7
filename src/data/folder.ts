/**
 * @file A folder of images: one subfolder a class, or labels in a table, or none.
 */
import { readdirSync, type Dirent } from "node:fs";
import { basename, join, relative, sep } from "node:path";
import { fileSource, readRange, wholeSource } from "../bytes/index.ts";
import { QtamlError } from "../errors.ts";
import type { SampleArray } from "./dataset.ts";
import { imageFormats, readImages, type ImageFile } from "./images.ts";
import {
  byCodePoint,
  isLikeTitle,
  isNumber,
  isUsualTitle,
  LabelWords,
  shortList,
  type NamedLabels,
} from "./label-words.ts";
import type { Preprocessing } from "./preprocessing.ts";

/** Names of images; those of formats that are not read are refused, not passed over. */
const imageName = /\.(png|jpe?g|webp|gif|tiff?|avif|hei[cf]|bmp|svg|jxl)$/i;

/** What a folder is read by. */
export interface FolderOptions {
  /** Images to take; all unless given. */
  readonly limit?: number | undefined;
  /** Rows of a table with the images' names in the first column. */
  readonly table?: readonly (readonly string[])[] | undefined;
  /** The table's column of labels: its name, or its number from 0; the last unless given. */
  readonly labelColumn?: string | undefined;
  /** Set where the labels are in an array, in the order of the images' names: subfolders are no classes then. */
  readonly isLabelledElsewhere?: boolean;
}

function entries(folder: string, isDeep: boolean): Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true, recursive: isDeep })
      .filter((entry) => !entry.name.startsWith("."))
      .sort((a, b) => byCodePoint(join(a.parentPath, a.name), join(b.parentPath, b.name)));
  } catch (cause) {
    throw new QtamlError("file-access", `Folder ${folder} cannot be read; check its permissions.`, { cause });
  }
}

/** Paths of the images below a folder, relative to it, in the order of their names. */
const imagesBelow = (folder: string) =>
  entries(folder, true)
    .filter((entry) => !entry.isDirectory() && imageName.test(entry.name))
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)));

/** Takes one of each list in turn until all are empty. */
function interleave<T>(lists: readonly (readonly T[])[]): T[] {
  const longest = Math.max(0, ...lists.map((list) => list.length));
  return Array.from({ length: longest }, (_, i) => lists.flatMap((list) => list.slice(i, i + 1))).flat();
}

interface Chosen {
  readonly path: string;
  readonly label?: string;
}

/** Images by class: the subfolders in the order of their names, an image of each in turn. */
function byClass(folder: string, classes: readonly string[]): Chosen[] {
  const lists = classes.map((label) => {
    const images = imagesBelow(join(folder, label)).map((path) => ({ path: join(label, path), label }));
    if (images.length > 0) return images;
    throw new QtamlError(
      "data-mismatch",
      `Folder ${label} of ${basename(folder)} is a class without images; add some or remove it.`,
    );
  });
  return interleave(lists);
}

/** Images that a table names, in its order, and the title of its labels where it is not certain that it is one. */
function byTable(
  folder: string,
  rows: readonly (readonly string[])[],
  labelColumn: string | undefined,
  classes: readonly string[] | undefined,
): { readonly chosen: Chosen[]; readonly guessedTitle?: string } {
  const images = imagesBelow(folder).map((path) => path.split(sep).join("/"));
  const known = new Map(images.map((path) => [path, path]));
  for (const path of images) {
    const stem = path.replace(imageName, "");
    if (!known.has(stem)) known.set(stem, path);
  }
  const [first = [], ...others] = rows;
  const [image = ""] = first;
  const wanted = labelColumn ?? String(first.length - 1);
  const mayBeHeader = !known.has(image) && !imageName.test(image);
  const named = mayBeHeader && !isNumber(wanted) ? first.indexOf(wanted) : -1;
  const index = Number(wanted) < 0 ? Number(wanted) + first.length : Number(wanted);
  const column = named >= 0 ? named : index;
  const title = first[column] ?? "";
  const isRepeated = others.some((row) => row[column] === title);
  const isHeader = named >= 0 || (mayBeHeader && isLikeTitle(title, isRepeated, classes));
  const chosen = (isHeader ? others : rows).map((row) => {
    const path = known.get(row[0] ?? "");
    if (path === undefined) {
      throw new QtamlError(
        "data-mismatch",
        `The table of labels names the image "${row[0]}", which folder ${basename(folder)} does not have; mend the table.`,
      );
    }
    const label = row[column];
    if (label === undefined || label === "" || column === 0) {
      throw new QtamlError(
        "data-mismatch",
        `The table of labels has no label for the image "${row[0]}" in column "${wanted}"; give --label-column.`,
      );
    }
    return { path, label };
  });
  const isGuess = isHeader && named < 0 && !isUsualTitle(title);
  return isGuess ? { chosen, guessedTitle: title } : { chosen };
}

/**
 * Reads a folder of images.
 *
 * @throws QtamlError `data-mismatch` without images or with a class that has none, `invalid-file` for an image that
 *   cannot be read
 */
export async function readFolder(
  folder: string,
  preprocessing: Preprocessing & Required<Pick<Preprocessing, "colour" | "layout">>,
  options: FolderOptions,
): Promise<{ count: number; samples: SampleArray } & Partial<NamedLabels>> {
  const classes = entries(folder, false)
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name);
  const { table, labelColumn, limit, isLabelledElsewhere } = options;
  const named = table && byTable(folder, table, labelColumn, preprocessing.classes);
  const chosen: readonly Chosen[] =
    named?.chosen ??
    (classes.length > 0 && isLabelledElsewhere !== true
      ? byClass(folder, classes)
      : imagesBelow(folder).map((path) => ({ path })));
  const taken = chosen.slice(0, limit);
  if (taken.length === 0) {
    throw new QtamlError(
      "data-mismatch",
      `Folder ${folder} has no images (${imageFormats}); give one with images, or with a subfolder of images for each class.`,
    );
  }
  const files = taken.map(({ path }): ImageFile => ({
    name: path,
    read: () => readRange(wholeSource(fileSource(join(folder, path), "Image"))),
  }));
  const samples = await readImages(files, preprocessing);
  if (taken[0]!.label === undefined) return { count: taken.length, samples };
  const order = preprocessing.classes ?? (named === undefined ? classes : undefined);
  const stranger = named === undefined && taken.find(({ label }) => order?.includes(label!) === false);
  if (stranger) {
    throw new QtamlError(
      "data-mismatch",
      `Folder ${stranger.label} is not among the classes (${shortList(order!)}); mend "classes" in the preprocessing.`,
    );
  }
  const words = new LabelWords(
    named === undefined ? `Folder ${basename(folder)}` : "The table of labels",
    order,
  );
  chosen.forEach(({ label }, i) => {
    if (i < taken.length) words.keep(label!);
    else words.pass(label!);
  });
  const guessedTitle = named?.guessedTitle;
  const found = words.finish();
  const title = found.classNames === undefined || guessedTitle === undefined ? {} : { guessedTitle };
  return { count: taken.length, samples, ...found, ...title };
}
