/**
 * @file Rates of drawing faults on one core: `npm run bench:flips -- [million weights]`. Prints a Markdown table.
 */

import {
  applyFaults,
  asymmetricFlips,
  codeArray,
  flipSampler,
  symmetricFlips,
  type FlipProbabilities,
} from "../src/channel/index.ts";

const weights = Number(process.argv[2] ?? 32) * 2 ** 20;

/** Codes that look random. */
function someCodes(bits: number) {
  const codes = codeArray(bits, weights);
  for (let i = 0; i < weights; i++) codes[i] = Math.imul(i, 0x9e3779b1) >>> (32 - bits);
  return codes;
}

const cases: { name: string; flips: FlipProbabilities }[] = [
  { name: "p = 0.1", flips: symmetricFlips(0.1, 8) },
  { name: "p = 0.05", flips: symmetricFlips(0.05, 8) },
  { name: "p = 0.01", flips: symmetricFlips(0.01, 8) },
  { name: "p = 1e-3", flips: symmetricFlips(1e-3, 8) },
  { name: "p = 1e-4", flips: symmetricFlips(1e-4, 8) },
  { name: "p = 1e-6", flips: symmetricFlips(1e-6, 8) },
  { name: "charge loss 0.1", flips: asymmetricFlips(0, 0.1, 8) },
  { name: "p01 = 0.05, p10 = 0.1", flips: asymmetricFlips(0.05, 0.1, 8) },
  { name: "p = 0.1, 4 bits", flips: symmetricFlips(0.1, 4) },
  { name: "p = 0.1, 16 bits", flips: symmetricFlips(0.1, 16) },
  { name: "p = 1e-3, 16 bits", flips: symmetricFlips(1e-3, 16) },
  { name: "p = 1e-6, 16 bits", flips: symmetricFlips(1e-6, 16) },
];

/** The best of five runs, in million weights a second. */
function rate(task: (trial: number) => void): string {
  let best = Infinity;
  for (let trial = 0; trial < 5; trial++) {
    const start = performance.now();
    task(trial);
    best = Math.min(best, performance.now() - start);
  }
  return Math.round(weights / best / 1000).toLocaleString("en-GB");
}

console.log("| case | method | patterns | list, applied and undone |");
console.log("|---|---|---|---|");
for (const { name, flips } of cases) {
  const own = someCodes(flips.p01.length);
  const out = codeArray(flips.p01.length, weights);
  const columns: string[] = [name];
  for (const method of process.argv[3] === "both" ? (["dense", "sparse"] as const) : [undefined]) {
    const sampler = flipSampler(flips, method === undefined ? {} : { method });
    const patterns = rate((trial) => sampler.drawPatterns({ seed: 1, trial, tensor: 0 }, own, out));
    const applied = rate((trial) => {
      const faults = sampler.drawFaults({ seed: 1, trial, tensor: 0 }, own);
      applyFaults(own, faults, 0x80);
      applyFaults(own, faults, 0x80);
    });
    columns.push(sampler.method, patterns, applied);
  }
  console.log(`| ${columns.join(" | ")} |`);
}
