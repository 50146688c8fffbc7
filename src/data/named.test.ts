import { join, resolve } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { dataFiles } from "../../test/data-files.ts";
import { absoluteData, splitNamed } from "./named.ts";
import { formatNpy } from "./npy.ts";
import { formatNpz } from "./npz.ts";
import { absoluteFeed } from "./settings.ts";

const { folder, file, read, refusal, remove } = dataFiles();
afterAll(remove);

const x = { dims: [2, 1], data: Float32Array.of(1, 2) };
file("run=1/a set.npz", formatNpz({ x }));
file("plain.npy", formatNpy(x));

describe("a path with or without a name", () => {
  it.each<[string, string | undefined, string]>([
    ["plain.npy", undefined, "plain.npy"],
    ["x=plain.npy", "x", "plain.npy"],
    ["serving/x=plain.npy", "serving/x", "plain.npy"],
    ["run=1/a set.npz", undefined, "run=1/a set.npz"],
    ["run=1/a set.npz:x", undefined, "run=1/a set.npz:x"],
    ["x=run=1/a set.npz:x", "x", "run=1/a set.npz:x"],
  ])("%s is read as well when it is made absolute", async (text, name, path) => {
    expect(splitNamed(text, folder)).toEqual({ name, path });
    const absolute = absoluteData(text, folder);
    expect(absolute).toBe(`${name === undefined ? "" : `${name}=`}${join(folder, path)}`);
    expect(splitNamed(absolute)).toEqual({ name, path: join(folder, path) });
    const { inputs } = await read({ data: [absolute] });
    expect(inputs).toEqual(new Map([[name ?? "x", { dims: [1], data: x.data }]]));
  });
});

describe("a constant from any folder", () => {
  it.each(["rate=16000", "state=zeros", "sizes=640,480"])("%s stays as it is", (feed) => {
    expect(absoluteFeed(feed)).toBe(feed);
  });

  it.each(["state=start.npy", "state=start", "serving/state=run=1/start"])("%s gets a whole path", (feed) => {
    const at = feed.indexOf("=") + 1;
    expect(absoluteFeed(feed)).toBe(`${feed.slice(0, at)}${resolve(feed.slice(at))}`);
  });

  it("is refused where its name comes twice", async () => {
    const data = [join(folder, "plain.npy")];
    expect(await refusal({ data, feed: ["b=zeros", "b=ones"] })).toMatchObject({
      code: "invalid-argument",
      message: 'The input "b" is given twice with --feed; leave one out.',
    });
  });
});
