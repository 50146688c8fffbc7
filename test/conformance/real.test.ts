/** @file Published models that are installed, end to end. `npm run conformance` fetches the others and measures all. */
import { describe, expect, it } from "vitest";
import { exercise } from "./exercise.ts";
import { expectedCounts } from "./expected.ts";
import { realModels } from "./models.ts";
import { isFetched } from "./packages.ts";

/** Models whose Jacobian is measured in seconds; the others are stored, hardened and run here. */
const quick = new Set(["ppocr-cls", "oww-alexa", "deepa-hello"]);

describe.each(realModels.map((m) => [m.id, m] as const))("%s", (id, model) => {
  it.skipIf(!isFetched(model.pack))(
    "hardened and clean it computes what the quantised model does",
    async () => {
      const { counts, difference } = await exercise(model, quick.has(id));
      // Both decode the same codes by the same float32 operations, and the runtime folds them into the same constants.
      expect(difference).toBeLessThanOrEqual(1e-6);
      const { tensors, weights, operators } = expectedCounts(id);
      expect(counts).toMatchObject({ tensors, weights, operators });
    },
  );
});
