import { afterAll, beforeAll, describe, expect, it } from "vitest";
import sharp from "sharp";
import { dataFiles } from "../../test/data-files.ts";
import { formatNpy } from "./npy.ts";
import { readDataset, type ReadData } from "./read.ts";

const { folder, file, refusal, remove } = dataFiles();
afterAll(remove);

const classes = ["ant", "bee", "cat"];
/** The column begins with its last class and has its first one in the end. */
const words = ["cat", "cat", "bee", "cat", "bee", "ant"];
const numbersOf = ({ dataset }: ReadData) => Array.from(dataset.labels!.data);

beforeAll(async () => {
  const pixels = { create: { width: 2, height: 2, channels: 3, background: "red" } } as const;
  const image = await sharp(pixels).png().toBuffer();
  for (let n = 0; n < words.length; n++) file(`pictures/${n}.png`, image);
});

describe("a class named by a word has one number whatever the limit", () => {
  const samples = file("x.npy", formatNpy({ dims: [words.length, 1], data: new Float32Array(words.length) }));

  it.each<[string, Parameters<typeof readDataset>[0]]>([
    [
      "in a column of a table",
      {
        data: [file("t.csv", `a,kind\n${words.map((word) => `1,${word}`).join("\n")}\n`)],
        labelColumn: "kind",
      },
    ],
    ["in a file of labels", { data: [samples], labels: file("l.csv", `${words.join("\n")}\n`) }],
    [
      "in a file of labels with a title",
      { data: [samples], labels: file("titled.csv", `kind\n${words.join("\n")}\n`) },
    ],
    [
      "in a table of images",
      {
        data: [`${folder}/pictures`],
        labels: file("i.csv", words.map((word, n) => `${n}.png,${word}\n`).join("")),
      },
    ],
  ])("%s", async (_, request) => {
    const all = [2, 2, 1, 2, 1, 0];
    for (let limit = 1; limit <= words.length + 1; limit++) {
      const found = await readDataset({ ...request, limit });
      expect([numbersOf(found), found.classNames]).toEqual([all.slice(0, limit), classes]);
    }
    expect(numbersOf(await readDataset(request))).toEqual(all);
  });

  it("or is refused where numbers stand among the words, unless the classes are given", async () => {
    const data = [file("mixed.csv", "a,kind\n1,10\n1,9\n1,none\n")];
    const { code, message } = await refusal({ data, labelColumn: "kind" });
    expect(code).toBe("data-mismatch");
    expect(message).toMatch(/^The label column of mixed\.csv holds numbers \(10\) and words \("none"\)/);
    const preprocessing = '{classes: [none, "9", "10"]}';
    const found = await readDataset({ data, labelColumn: "kind", preprocessing, limit: 2 });
    expect(numbersOf(found)).toEqual([2, 1]);
  });

  it("is looked for behind the limit, but not where the classes are given", async () => {
    const request = { data: [file("late.csv", "a,kind\n1,b\n1,a\n1,7\n")], labelColumn: "kind", limit: 2 };
    expect((await refusal(request)).message).toMatch(/holds numbers \(7\) and words \("b"\)/);
    const found = await readDataset({ ...request, preprocessing: "{classes: [a, b]}" });
    expect(numbersOf(found)).toEqual([1, 0]);
  });
});

describe("the first line of a file of labels", () => {
  const samplesOf = (count: number) => [
    file(`${count}.npy`, formatNpy({ dims: [count, 1], data: new Float32Array(count) })),
  ];
  const label = (lines: string) => file("labels.csv", `${lines.replaceAll(" ", "\n")}\n`);

  it.each<[string, string, number, number | undefined, readonly number[], string | undefined]>([
    ["a word above numbers", "species 2 0 2", 3, undefined, [2, 0, 2], undefined],
    ["a word above numbers, under a limit", "species 2 0 2", 2, 2, [2, 0], undefined],
    ["a line too many", "species cat ant", 2, undefined, [1, 0], "species"],
    ["a word that does not come again, under a limit", "species cat ant cat", 2, 2, [1, 0], "species"],
    ["a usual title", "Label cat ant cat", 2, 2, [1, 0], undefined],
    ["a usual title above numbers", "class 5 4", 2, undefined, [5, 4], undefined],
  ])("is a header: %s", async (_, lines, count, limit, numbers, guessedTitle) => {
    const found = await readDataset({ data: samplesOf(count), labels: label(lines), limit });
    expect(numbersOf(found)).toEqual(numbers);
    expect(found.guessedTitle).toBe(guessedTitle);
  });

  it.each<[string, string, number, number | undefined, readonly number[]]>([
    ["as many lines as samples", "species cat ant", 3, undefined, [2, 1, 0]],
    ["one line for one sample", "species", 1, undefined, [0]],
    ["a word that comes again", "cat ant cat", 2, 2, [1, 0]],
    ["a word that comes again behind the limit", "cat ant bee ant cat", 1, 1, [2]],
    ["a usual title that comes again", "y n y", 2, 2, [1, 0]],
    ["a number", "3 4 5", 2, 2, [3, 4]],
  ])("is a label: %s", async (_, lines, count, limit, numbers) => {
    const found = await readDataset({ data: samplesOf(count), labels: label(lines), limit });
    expect(numbersOf(found)).toEqual(numbers);
    expect(found.guessedTitle).toBeUndefined();
  });

  it("is told by the classes where they are given", async () => {
    const request = { data: samplesOf(2), limit: 2, preprocessing: "{classes: [cat, ant, bee]}" };
    const titled = await readDataset({ ...request, labels: label("species cat ant species") });
    expect([numbersOf(titled), titled.guessedTitle]).toEqual([[0, 1], "species"]);
    const plain = await readDataset({ ...request, labels: label("bee cat ant") });
    expect(numbersOf(plain)).toEqual([2, 0]);
  });

  it.each([
    ["too few labels under a usual title", "label cat ant", 3, /3 samples, but labels\.csv has 2 labels/],
    ["too few numbers under a title", "species 2 0", 3, /3 samples, but labels\.csv has 2 labels/],
    ["too many under a title", "species cat ant cat", 2, /2 samples, but labels\.csv has more labels/],
  ])("is a header where there are %s", async (_, lines, count, message) => {
    expect((await refusal({ data: samplesOf(count), labels: label(lines) })).message).toMatch(message);
  });

  it("names columns, and numbers are places of columns", async () => {
    const data = samplesOf(2);
    const labels = file("columns.csv", "0,1,2\n3,4,5\n");
    expect(numbersOf(await readDataset({ data, labels, labelColumn: "0" }))).toEqual([0, 3]);
    const swapped = file("swapped.csv", "a.png,1,0\nb.png,0,1\n");
    expect(numbersOf(await readDataset({ data, labels: swapped, labelColumn: "1" }))).toEqual([1, 0]);
    const { code, message } = await refusal({ data, labels, labelColumn: "kind" });
    expect([code, message]).toEqual([
      "invalid-argument",
      expect.stringMatching(/^columns\.csv has no column "kind"/),
    ]);
    const array = file("y.npy", formatNpy({ dims: [2], data: Int32Array.of(1, 0) }));
    expect(await refusal({ data, labels: array, labelColumn: "kind" })).toMatchObject({
      code: "invalid-argument",
      message:
        'y.npy is an array, which has no column "kind"; leave --label-column out, or give the labels as a table.',
    });
  });
});

describe("the first line of a table of images", () => {
  const request = (lines: string) => ({ data: [`${folder}/pictures`], labels: file("table.csv", lines) });

  it.each<[string, string, readonly number[], string | undefined]>([
    ["above numbers", "id,kind\n1.png,4\n0,7\n", [4, 7], undefined],
    ["above words", "id,kind\n1.png,cat\n0,ant\n", [1, 0], "kind"],
    ["with a usual title", "id,label\n1.png,cat\n0,ant\n", [1, 0], undefined],
  ])("is a header %s", async (_, lines, numbers, guessedTitle) => {
    const found = await readDataset(request(lines));
    expect(numbersOf(found)).toEqual(numbers);
    expect(found.guessedTitle).toBe(guessedTitle);
  });

  it.each([
    ["with its ending", "lost.png,1\n0.png,2\n", "lost.png"],
    ["without its ending", "lost,1\n0,2\n", "lost"],
    ["and a class that comes again", "lost,cat\n0,ant\n1,cat\n", "lost"],
    ["whose number is asked for", "lost,0,1\n0,1,0\n", "lost"],
  ])("is refused where it names an image that is missing, %s", async (_, lines, name) => {
    for (const labelColumn of [undefined, "1"]) {
      expect((await refusal({ ...request(lines), labelColumn })).message).toMatch(
        `names the image "${name}", which folder pictures does not have`,
      );
    }
  });

  it("refuses the column of labels that are an array", async () => {
    const labels = file("six.npy", formatNpy({ dims: [6], data: new Int32Array(6) }));
    const wrong = await refusal({ data: [`${folder}/pictures`], labels, labelColumn: "1" });
    expect(wrong.message).toMatch(/^six\.npy is an array, which has no column "1"/);
  });
});
