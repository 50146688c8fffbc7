/**
 * @file Puts what programs print now into the documents that show it: `npm run docs:outputs`, or with paths of
 * documents. What has other words than before is told and left to a person.
 */
import { writeFileSync } from "node:fs";
import { asPrinted, documentPaths, documentText } from "../test/documents.ts";
import { inRepository } from "../test/cli-run.ts";
import { isRunnable, runDocument } from "../test/run-document.ts";

const asked = process.argv.slice(2);
for (const path of asked.length > 0 ? asked : documentPaths()) {
  let document = documentText(path);
  if (!isRunnable(document)) continue;
  for (const { line, text, printed } of await runDocument(document)) {
    const fresh = printed === undefined ? undefined : asPrinted(printed.stdout, printed.shown);
    const old = printed === undefined ? "" : `$ ${printed.command}\n${printed.shown}`;
    if (fresh === undefined || !document.includes(old)) {
      process.stdout.write(`${path}:${line}: ${text}\n`);
      continue;
    }
    document = document.replace(old, () => `$ ${printed!.command}\n${fresh}`);
    process.stdout.write(`${path}:${line}: renewed\n`);
  }
  writeFileSync(inRepository(path), document);
}
