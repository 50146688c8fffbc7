import { statSync } from "node:fs";
import { BaseSequencer, type TestSpecification } from "vitest/node";
import { defineConfig } from "vitest/config";

/** A mutant is dropped at the first test that fails: the small files come first. */
class SmallestFirst extends BaseSequencer {
  override sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const bytes = ({ moduleId }: TestSpecification) => statSync(moduleId).size;
    return Promise.resolve(files.toSorted((a, b) => bytes(a) - bytes(b)));
  }
}

/** The tests of one room (`npm run mutation` names it), which have to notice a fault in that room by themselves. */
export default defineConfig({
  test: {
    include: [`src/${process.env["QTAML_MUTATION_ROOM"]}/**/*.test.ts`],
    testTimeout: 600_000,
    sequence: { sequencer: SmallestFirst },
  },
});
