/**
 * @file `npm run bench:beyond`: joint plans on the whole zoo, against plain TAC and Uniform-MSP; fills the results of
 * docs/beyond.md. `--only NAME` (repeatable) measures some networks and writes nothing.
 */
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { writeWhole } from "../../src/cli/files.ts";
import { jointStorage } from "../../src/planning/joint.ts";
import { subjects } from "../../reproduce/cases.ts";
import { assessSubject, dataOf } from "../../reproduce/network.ts";
import { remembered } from "../../reproduce/store.ts";
import { noiseChart } from "./chart.ts";
import { measureFiner, type FinerResult } from "./finer.ts";
import { measureFolding, type FoldingResult } from "./folding.ts";
import { measureGrain, type GrainResult } from "./grain.ts";
import { measureLarge } from "./large.ts";
import { measureBeyond, type BeyondResult } from "./network.ts";
import { resultsText } from "./page.ts";

const keep = 0.95;
/** The network of the picture. */
const pictured = "lenet";
const { values: flags } = parseArgs({ options: { only: { type: "string", multiple: true } } });

const results: BeyondResult[] = [];
for (const subject of subjects) {
  if (flags.only !== undefined && !flags.only.includes(subject.name)) continue;
  process.stderr.write(`${new Date().toISOString().slice(11, 19)} ${subject.name}\n`);
  const { model, test, trained } = subject;
  const result = await remembered(`beyond-${subject.name}`, [model, test, trained], { subject, keep }, () =>
    measureBeyond(subject, keep),
  );
  results.push(result);
  process.stderr.write(`${JSON.stringify(result)}\n`);
}
if (flags.only === undefined) {
  const page = "docs/beyond.md";
  const large = await remembered("beyond-large", [], {}, measureLarge);
  const finer: FinerResult[] = [];
  // Networks with a scale a channel have channels that differ most.
  for (const subject of subjects.filter(({ granularity }) => granularity === "channel")) {
    const { model, test } = subject;
    finer.push(
      await remembered(`finer-${subject.name}`, [model, test], { subject, keep }, () =>
        measureFiner(subject, keep),
      ),
    );
  }
  const folding: FoldingResult[] = [];
  const grain: GrainResult[] = [];
  for (const subject of subjects) {
    const { name, model, test } = subject;
    const overhead = results.find((r) => r.name === name)!.overhead["joint table"].estimate;
    const files = [model, test];
    folding.push(
      await remembered(`folding-${name}`, files, { subject, overhead }, () =>
        measureFolding(subject, overhead),
      ),
    );
    if (overhead > 0)
      grain.push(
        await remembered(`grain-${name}`, files, { subject, overhead }, () =>
          measureGrain(subject, overhead),
        ),
      );
  }
  const lenet = results.find(({ name }) => name === pictured)!;
  const subject = subjects.find(({ name }) => name === pictured)!;
  const { calibration } = await dataOf(subject);
  const assessment = await assessSubject(subject, subject.p, calibration);
  const { noise } = jointStorage(assessment, lenet.overhead["joint table"].estimate);
  writeWhole("docs/figures/beyond-noise.svg", noiseChart(assessment, pictured, subject.p, noise));
  const [before = "", rest = ""] = readFileSync(page, "utf8").split("<!-- results -->\n");
  const after = rest.split("<!-- end of results -->\n")[1] ?? "";
  const text = resultsText({ results, finer, folding, grain, large }, keep);
  writeWhole(page, `${before}<!-- results -->\n${text}<!-- end of results -->\n${after}`);
}
