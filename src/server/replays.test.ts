import { describe, expect, it } from "vitest";
import { pictureOf, replay } from "./replays.ts";

const bytes = (text: string) => Array.from(Buffer.from(text, "base64"));

describe("pictureOf", () => {
  it("takes grey samples of height and width, from black to white", () => {
    const data = Float32Array.from({ length: 32 }, (_, i) => (i < 16 ? 100 : i - 16));
    const picture = pictureOf({ dims: [4, 4], data }, 1)!;
    expect(picture).toMatchObject({ width: 4, height: 4, channels: 1 });
    expect(bytes(picture.pixels)).toEqual(Array.from({ length: 16 }, (_, i) => 17 * i));
    expect(bytes(pictureOf({ dims: [4, 4], data }, 0)!.pixels)).toEqual(Array(16).fill(0));
  });

  it("puts the colours of a pixel together, wherever the data have them", () => {
    const pixel = (y: number, x: number, k: number) => (y * 5 + x) * 3 + k;
    const last = Uint8Array.from({ length: 60 }, (_, i) => i);
    const first = new Uint8Array(60);
    for (let y = 0; y < 4; y++) {
      for (let x = 0; x < 5; x++) {
        for (let k = 0; k < 3; k++) first[(k * 4 + y) * 5 + x] = pixel(y, x, k);
      }
    }
    const one = pictureOf({ dims: [3, 4, 5], data: first }, 0)!;
    expect(one).toMatchObject({ width: 5, height: 4, channels: 3 });
    expect(one).toEqual(pictureOf({ dims: [4, 5, 3], data: last }, 0));
  });

  it("thins out what is large, and makes none of what is no picture", () => {
    const large = pictureOf({ dims: [1, 200, 100], data: new Uint8Array(20_000) }, 0)!;
    expect(large).toMatchObject({ width: 34, height: 67 });
    expect(bytes(large.pixels)).toHaveLength(34 * 67);
    for (const dims of [[10], [2, 8, 8], [3, 2, 2], [1, 1, 8, 8]]) {
      const size = dims.reduce((a, b) => a * b, 1);
      expect(pictureOf({ dims, data: new Uint8Array(size) }, 0)).toBeNull();
    }
  });
});

it("tells that a campaign is gone", async () => {
  await expect(replay(undefined, { id: 1, plan: 0, chip: 0 }, () => undefined)).rejects.toThrow(
    /no longer there/,
  );
});
