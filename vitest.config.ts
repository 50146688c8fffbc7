import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["src/**/*.test.ts", "test/**/*.test.ts"],
    exclude: ["test/distributed/**"],
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // On a busy machine a browser takes its time; what is polled for comes much sooner, or never.
    expect: { poll: { timeout: 20_000 } },
    env: { ORT_DISABLE_TELEMETRY: "1" },
    maxWorkers: 2,
  },
});
