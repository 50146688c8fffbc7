/** @file Sliders for the flip probabilities, which views share by the address. */
import type { Network } from "../../src/explorer/index.ts";
import { changeParameters, useAddress } from "./address.ts";
import { Slider } from "./controls.tsx";
import { flipLimits, flipsOf, meanFlips } from "./network-state.ts";

/** Both sliders; until one is moved they stand where the server was started. */
export function FlipSliders({ network }: { network: Network }) {
  const flips = flipsOf(useAddress()) ?? meanFlips(network);
  const sliders = [
    { key: "p01", label: "p01: a stored 0 is read as 1" },
    { key: "p10", label: "p10: a stored 1 is read as 0" },
  ] as const;
  return (
    <>
      {sliders.map(({ key, label }) => (
        <Slider
          key={key}
          label={label}
          unit=""
          value={flips[key]}
          low={flipLimits[0]}
          high={flipLimits[1]}
          step={0.02}
          logarithmic
          onChange={(value) =>
            changeParameters({ p01: String(flips.p01), p10: String(flips.p10), [key]: String(value) })
          }
        />
      ))}
    </>
  );
}
