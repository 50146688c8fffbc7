import { describe, expect, it } from "vitest";
import { Streams, Topic, mostStreams } from "./events.ts";

const far = 60_000;

describe("Topic", () => {
  it("gives the state of now, then each newer one, and skips what a slow watcher missed", async () => {
    const topic = new Topic(1);
    const watcher = topic.watch();
    expect(await watcher.next(far)).toBe("1");
    const waiting = watcher.next(far);
    topic.publish(2);
    expect(await waiting).toBe("2");
    for (let n = 3; n <= 1000; n++) topic.publish(n);
    expect(await watcher.next(far)).toBe("1000");
    expect(topic.waiting).toBe(0);
  });

  it("says nothing where nothing happens, and null after the end", async () => {
    const topic = new Topic("a");
    const watcher = topic.watch();
    await watcher.next(far);
    expect(await watcher.next(1)).toBeUndefined();
    topic.publish("b");
    topic.end();
    expect(await watcher.next(far)).toBe('"b"');
    expect(await watcher.next(far)).toBeNull();
  });

  it("forgets a watcher that leaves while it waits", async () => {
    const topic = new Topic("a");
    const watcher = topic.watch();
    await watcher.next(far);
    const waiting = watcher.next(far);
    expect(topic.waiting).toBe(1);
    watcher.leave();
    expect(await waiting).toBeNull();
    expect(topic.waiting).toBe(0);
  });
});

describe("Streams", () => {
  const text = async (reader: ReadableStreamDefaultReader<Uint8Array>) =>
    new TextDecoder().decode((await reader.read()).value);

  it("holds one message for a reader that reads slowly: the newest when it reads on", async () => {
    const streams = new Streams();
    const topic = new Topic(0);
    const reader = streams.of(topic)!.body!.getReader();
    expect(await text(reader)).toBe("data: 0\n\n");
    for (let n = 1; n <= 500; n++) {
      topic.publish(n);
      await Promise.resolve();
    }
    const [one, two] = [await text(reader), await text(reader)];
    expect(two).toBe("data: 500\n\n");
    expect(one).toMatch(/^data: \d+\n\n$/);
    await reader.cancel();
    expect(streams.open).toBe(0);
  });

  it("refuses more than its most, and counts those that end", async () => {
    const streams = new Streams();
    const topic = new Topic(0);
    const open = Array.from({ length: mostStreams }, () => streams.of(topic)!.body!.getReader());
    expect(streams.of(topic)).toBeUndefined();
    await open[0]!.cancel();
    expect(streams.of(topic)).toBeDefined();
    topic.end();
    for (const reader of open.slice(1)) {
      expect(await text(reader)).toBe("data: 0\n\n");
      expect(await text(reader)).toBe("event: end\ndata: {}\n\n");
      expect((await reader.read()).done).toBe(true);
    }
    expect(streams.open).toBe(1);
  });
});
