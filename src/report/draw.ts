/**
 * @file What draws. The library of the charts takes longer to load than most commands run, so it is loaded when
 * something is drawn.
 */
import type { ResidualErrors } from "./charts/residual-errors.ts";
import type { ReportInput } from "./types.ts";

/**
 * The report as one HTML page: headline, pictures with captions, tables, and how to repeat it. Parts that the input
 * lacks are left out. The same input gives the same text. All text of the input is escaped.
 */
export async function renderReport(input: ReportInput): Promise<string> {
  return (await import("./html.ts")).reportPage(input);
}

/** The pictures that a report's data allow, by name: standalone SVG text. */
export async function renderFigures(input: ReportInput): Promise<Map<string, string>> {
  return (await import("./figures.ts")).reportFigures(input);
}

/** What codes leave against the flip probability, as standalone SVG text. */
export async function residualFigure(errors: ResidualErrors): Promise<string> {
  return (await import("./figures.ts")).residualPicture(errors);
}
