/**
 * @file Set up before each test file of a mutation run: counts cheaper which mutants a test passes by. The counter
 * that comes with the sources' mutants makes loops that draw and enumerate some fifty times slower, also in the runs
 * that try a mutant, which nobody reads the counts of.
 */
import { inject } from "vitest";

type Counts = Record<string, number>;

interface Mutants {
  currentTestId?: string;
  mutantCoverage?: { readonly static: Counts; readonly perTest: Record<string, Counts> };
}

declare module "vitest" {
  interface ProvidedContext {
    readonly mode: "dry-run" | "mutant";
  }
}

function counter(mutants: Mutants): (...ids: string[]) => void {
  const coverage = (mutants.mutantCoverage ??= { static: {}, perTest: {} });
  let test: string | undefined;
  let counts = coverage.static;
  return (...ids) => {
    if (mutants.currentTestId !== test) {
      test = mutants.currentTestId;
      counts = test === undefined ? coverage.static : (coverage.perTest[test] ??= {});
    }
    for (const id of ids) counts[id] = (counts[id] ?? 0) + 1;
  };
}

const shared = globalThis as { __stryker__?: Mutants; countMutants?: (...ids: string[]) => void };
shared.countMutants = inject("mode") === "mutant" ? () => undefined : counter((shared.__stryker__ ??= {}));
