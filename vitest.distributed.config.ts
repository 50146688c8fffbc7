import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/distributed/**/*.test.ts"],
    testTimeout: 180_000,
    hookTimeout: 120_000,
    env: { ORT_DISABLE_TELEMETRY: "1" },
    maxWorkers: 1,
  },
});
