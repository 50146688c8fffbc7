/**
 * @file Puts what programs print now into the documents that show it: `npm run docs:outputs`, or with paths of
 * documents. `--slow` runs the documents that have blocks marked `slow`, with these, and puts their stamp at the end.
 * What has other words than before is told, left to a person, and ends with status 1.
 */
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { asPrinted, documentPaths, documentText } from "../test/documents.ts";
import { inRepository } from "../test/cli-run.ts";
import { withStamp } from "../reproduce/stamp.ts";
import { isRunnable, runDocument, slowStamp } from "../test/run-document.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { slow: { type: "boolean", default: false } },
});
for (const path of positionals.length > 0 ? positionals : documentPaths()) {
  let document = documentText(path);
  if (!isRunnable(document, values)) continue;
  for (const { line, text, printed } of await runDocument(document, { ...values, exact: true })) {
    const fresh = printed === undefined ? undefined : asPrinted(printed.stdout, printed.shown);
    const old = printed === undefined ? "" : `$ ${printed.command}\n${printed.shown}`;
    if (fresh === undefined || !document.includes(old)) {
      process.stdout.write(`${path}:${line}: ${text}\n`);
      process.exitCode = 1;
      continue;
    }
    document = document.replace(old, () => `$ ${printed!.command}\n${fresh}`);
    process.stdout.write(`${path}:${line}: renewed\n`);
  }
  if (values.slow) document = withStamp(document, slowStamp(document));
  writeFileSync(inRepository(path), document);
}
