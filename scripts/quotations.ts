/**
 * @file Puts numbers of tables and outputs into the sentences that repeat them, and the steps of `npm run regenerate` into
 * CONTRIBUTING.md: `npm run docs:quotations`. What has to be written anew is told, and it ends with status 1.
 */
import { writeFileSync } from "node:fs";
import { quotations } from "../regenerate/quotations.ts";
import { requote } from "../regenerate/quote.ts";
import { withSection } from "../regenerate/section.ts";
import { stepsTable } from "../regenerate/steps.ts";
import { inRepository } from "../test/cli-run.ts";
import { documentText } from "../test/documents.ts";

for (const quotation of quotations) {
  const document = documentText(quotation.document);
  const found = requote(quotation, document, documentText(quotation.source));
  if ("problem" in found) {
    process.stdout.write(`${found.problem}\n`);
    process.exitCode = 1;
  } else if (found.document !== document) {
    writeFileSync(inRepository(quotation.document), found.document);
    process.stdout.write(`${quotation.document}: renewed "${quotation.says}"\n`);
  }
}

const steps = withSection(documentText("CONTRIBUTING.md"), "steps", stepsTable());
writeFileSync(inRepository("CONTRIBUTING.md"), steps);
