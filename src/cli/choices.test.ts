import { expect, it } from "vitest";
import { decoderClasses as roomClasses, protectionModes as roomModes } from "../channel/index.ts";
import { providers as roomProviders } from "../engine/index.ts";
import { regimes as roomRegimes } from "../faults/index.ts";
import { policyNames } from "../protect/index.ts";
import { decoderClasses, policies, protectionModes, providers, regimes } from "./choices.ts";

it("are the words that the rooms know", () => {
  expect(policies).toEqual(policyNames);
  expect(decoderClasses).toEqual(roomClasses);
  expect(regimes).toEqual(roomRegimes);
  expect(providers).toEqual(roomProviders);
  expect(protectionModes).toEqual(roomModes);
});
