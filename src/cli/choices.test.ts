import { expect, it } from "vitest";
import { regimes as roomRegimes } from "../faults/index.ts";
import { policyNames } from "../protect/index.ts";
import { policies, regimes } from "./choices.ts";

it("are the words that the rooms know", () => {
  expect(policies).toEqual(policyNames);
  expect(regimes).toEqual(roomRegimes);
});
