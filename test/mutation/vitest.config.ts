import { statSync } from "node:fs";
import { BaseSequencer, type TestSpecification } from "vitest/node";
import { defineConfig, type Plugin } from "vitest/config";

/** A mutant is dropped at the first test that fails: the small files come first. */
class SmallestFirst extends BaseSequencer {
  override sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const bytes = ({ moduleId }: TestSpecification) => statSync(moduleId).size;
    return Promise.resolve(files.toSorted((a, b) => bytes(a) - bytes(b)));
  }
}

/** Puts the counter of `cover.ts` in the place of that which a source with mutants brings. */
const cheaperCounter: Plugin = {
  name: "cheaper-counter",
  enforce: "pre",
  transform: (code) =>
    code.includes("function stryCov_9fa48") ? `stryCov_9fa48 = globalThis.countMutants;\n${code}` : undefined,
};

/** The tests of one room (`npm run mutation` names it), which have to notice a fault in that room by themselves. */
export default defineConfig({
  plugins: [cheaperCounter],
  test: {
    setupFiles: ["test/mutation/cover.ts"],
    include: [`src/${process.env["QTAML_MUTATION_ROOM"]}/**/*.test.ts`],
    testTimeout: 600_000,
    sequence: { sequencer: SmallestFirst },
  },
});
