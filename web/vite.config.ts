/** @file Builds the explorer into `dist/web`: one page, one script, one style sheet, all addresses relative. */
import { defineConfig } from "vite";

export default defineConfig({
  root: import.meta.dirname,
  base: "./",
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  build: {
    outDir: "../dist/web",
    emptyOutDir: true,
    target: "es2022",
    modulePreload: false,
    chunkSizeWarningLimit: 1000,
    rolldownOptions: { checks: { pluginTimings: false } },
    // The bundle holds code of others, whose licences ask for their notices.
    license: { fileName: "licences.md" },
  },
});
