import { afterEach, describe, expect, it, vi } from "vitest";
import { parseAddress, redisPasswordVariable, withoutPassword } from "./address.ts";

afterEach(() => vi.unstubAllEnvs());

describe("parseAddress", () => {
  it.each([
    ["redis://127.0.0.1", "redis", "Redis at 127.0.0.1:6379"],
    ["rediss://:secret@example.org:7000/2", "redis", "Redis at example.org:7000"],
    ["postgres://user:secret@db/work", "postgres", "PostgreSQL at db:5432"],
    ["postgresql://[::1]:6000/work", "postgres", "PostgreSQL at [::1]:6000"],
  ])("names %s without its password", (text, kind, name) => {
    expect(parseAddress(text)).toMatchObject({ kind, name, queue: "qtaml" });
  });

  it.each([
    "redis://10.0.0.5",
    "rediss://example.org",
    "redis://[2001:db8::1]:7000",
    "redis://127.0.0.1.example.org",
  ])("warns of %s", (text) => {
    expect(parseAddress(text).warning).toMatch(/is not on this machine and has no password/);
  });

  it.each([
    "redis://localhost",
    "redis://127.8.9.1:1",
    "redis://[::1]",
    "redis://:secret@10.0.0.5",
    "postgres://db/work",
  ])("does not warn of %s", (text) => {
    expect(parseAddress(text).warning).toBeUndefined();
  });

  it("takes the password of a Redis from the environment", () => {
    vi.stubEnv(redisPasswordVariable, "p@ss:word/1");
    const address = parseAddress("redis://10.0.0.5");
    expect(decodeURIComponent(new URL(address.url).password)).toBe("p@ss:word/1");
    expect(address.warning).toBeUndefined();
    expect(withoutPassword(address, "AUTH p@ss:word/1 failed")).toBe("AUTH *** failed");
    expect(new URL(parseAddress("redis://:own@10.0.0.5").url).password).toBe("own");
    expect(new URL(parseAddress("postgres://db/work").url).password).toBe("");
  });

  it.each(["secret@host", "http://u:secret@host", "redis:secret"])(
    "refuses %s and does not repeat it",
    (text) => {
      const parse = () => parseAddress(text === "redis:secret" ? "//secret" : text);
      expect(parse).toThrow(/^The address of the queue/);
      expect(parse).not.toThrow(/secret/);
    },
  );

  it("refuses names of queues that servers do not take", () => {
    expect(() => parseAddress("redis://localhost", "a:b")).toThrow(/"a:b" is no name for a queue/);
    expect(() => parseAddress("redis://localhost", "")).toThrow(/is no name/);
  });
});
