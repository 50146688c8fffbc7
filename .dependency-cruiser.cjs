/** The arrows between rooms (ARCHITECTURE.md); `npm run rooms` checks them. */
const room = (name, allowed, { pure = false } = {}) => [
  {
    name: `${name}-imports`,
    comment: `${name} may import ${allowed.join(", ") || "no other room"}`,
    severity: "error",
    from: { path: `^src/${name}/`, pathNot: "\\.test\\.ts$" },
    to: { path: "^src/", pathNot: [`^src/${name}/`, "^src/(errors|version)\\.ts$", ...allowed.map((a) => `^src/${a}/`)] },
  },
  ...(pure
    ? [
        {
          name: `${name}-is-pure`,
          comment: `${name} runs in a browser unchanged: no Node built-ins, no I/O`,
          severity: "error",
          from: { path: `^src/${name}/`, pathNot: "\\.test\\.ts$" },
          to: { dependencyTypes: ["core"] },
        },
      ]
    : []),
];

module.exports = {
  forbidden: [
    { name: "no-cycles", severity: "error", from: {}, to: { circular: true } },
    {
      name: "through-the-front-door",
      comment: "other rooms are entered through their index.ts",
      severity: "error",
      from: { path: "^src/([^/]+)/", pathNot: "\\.test\\.ts$" },
      to: { path: "^src/[^/]+/.+", pathNot: ["^src/$1/", "^src/[^/]+/index\\.ts$"] },
    },
    {
      name: "one-way-to-the-runtime",
      comment: "src/engine/runtime.ts turns the telemetry of onnxruntime-node off before it loads it",
      severity: "error",
      from: { path: "^src/", pathNot: "^src/engine/runtime\\.ts$" },
      to: { path: "node_modules/onnxruntime-node", dependencyTypesNot: ["type-only"] },
    },
    ...room("physics", [], { pure: true }),
    ...room("channel", [], { pure: true }),
    ...room("faults", ["channel"], { pure: true }),
    ...room("stats", [], { pure: true }),
    ...room("measure", [], { pure: true }),
    ...room("protect", ["channel"], { pure: true }),
    ...room("bytes", []),
    ...room("data", ["bytes"]),
    ...room("stored", ["channel"], { pure: true }),
    ...room("onnx", ["bytes", "stored", "channel"]),
    ...room("gradient", ["onnx"]),
    ...room("engine", ["gradient", "onnx", "stored", "data", "measure", "faults", "channel", "ecc"]),
    ...room("assessment", ["engine", "data", "onnx", "stored", "protect", "channel"]),
    ...room("simulation", ["assessment", "engine", "data", "faults", "measure", "onnx", "stored", "stats", "protect", "channel"]),
    ...room("planning", ["simulation", "assessment", "engine", "data", "measure", "onnx", "stored", "stats", "protect", "channel", "ecc"]),
    ...room("campaign", ["simulation", "assessment", "engine", "data", "faults", "stats", "protect", "channel"]),
    ...room("ecc", [], { pure: true }),
    ...room("image", ["stored", "channel", "ecc"], { pure: true }),
    ...room("explorer", ["channel", "ecc", "faults", "measure", "physics", "protect"], { pure: true }),
    ...room("server", ["campaign", "planning", "simulation", "assessment", "data", "engine", "explorer", "onnx", "protect", "channel", "measure", "stats"]),
    ...room("report", ["physics", "channel", "measure", "stats", "protect", "assessment", "planning"]),
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    exclude: { path: "\\.test\\.ts$" },
  },
};
