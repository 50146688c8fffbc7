/** @file Sliders for the flip probabilities, which views share by the address. */
import type { FlipChoice } from "../../src/explorer/index.ts";
import { changeParameters } from "./address.ts";
import { Slider } from "./controls.tsx";
import { flipLimits } from "./network-state.ts";

/**
 * Both sliders, on a logarithmic scale.
 *
 * @param flips where they stand
 * @param least the least that may be typed, where that is below the sliders
 */
export function FlipSliders({ flips, least = flipLimits[0] }: { flips: FlipChoice; least?: number }) {
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
          least={least}
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
