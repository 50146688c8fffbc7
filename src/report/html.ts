/**
 * @file The report: one HTML page that needs no network, no script and no other file.
 */
import { emptyDocument } from "./document.ts";
import { html } from "./markup.ts";
import { page } from "./page.ts";
import { deviceSection } from "./sections/device.ts";
import { lawSection, wideLawSection } from "./sections/errors.ts";
import { networkSection } from "./sections/network.ts";
import { reproductionSection } from "./sections/reproduction.ts";
import { comparisonFacts, verificationSection } from "./sections/verification.ts";
import type { ReportInput } from "./types.ts";
import { headline } from "./words.ts";

/** The page of `renderReport`. */
export function reportPage(input: ReportInput): string {
  const document = emptyDocument();
  const { device, law, wideLaw, plan, tensors, comparison } = input;
  const missing = [
    ...(device === undefined ? ["device"] : []),
    ...(plan === undefined ? ["plan"] : []),
    ...(comparison === undefined ? ["comparison"] : []),
  ];
  return page(
    input.title,
    html`<p class="kind">qtaml report${input.model === undefined ? "" : ` on ${input.model.name}`}</p>
      <h1>${input.title}</h1>
      <p class="headline">${headline(input)}</p>
      ${comparisonFacts(input)}`,
    html`${comparison === undefined ? undefined : verificationSection(document, input)}
    ${plan === undefined && tensors === undefined ? undefined : networkSection(document, input)}
    ${law === undefined ? undefined : lawSection(document, law)}
    ${wideLaw === undefined ? undefined : wideLawSection(document, wideLaw)}
    ${device === undefined ? undefined : deviceSection(document, device)} ${reproductionSection(input)}`,
    html`${missing.length === 0 ? undefined : html`<p>This report was made without a ${missing.join(", a ")}.</p>`}
      <p>Made by qtaml ${input.environment.version}.</p>`,
  );
}
