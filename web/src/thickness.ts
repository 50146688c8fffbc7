/** @file The curves of p against thickness: kept while only the thickness moves, in the worker where they cost. */
import { useEffect, useMemo, useState } from "preact/hooks";
import { thicknessPicture, type ThicknessPicture } from "../../src/report/browser.ts";
import { ask } from "./ask.ts";
import { deviceOf, type DeviceSettings } from "./device-settings.ts";

const points = 41;

/** Everything that the curves depend on. */
function curveKey(settings: DeviceSettings): string {
  return JSON.stringify({ ...settings, thicknessNm: undefined });
}

interface Known {
  readonly key: string;
  readonly curves: ThicknessPicture["curves"];
}

/** Whether a thickness lies on curves. */
function covers({ curves }: Known, thicknessNm: number): boolean {
  const along = curves[0]?.thicknessNm;
  return along !== undefined && thicknessNm >= along[0]! && thicknessNm <= along.at(-1)!;
}

let known: Known | undefined;

/** The picture of a device; busy while the curves are those of settings before. */
export function useThickness(
  settings: DeviceSettings,
  p: number,
): { readonly picture: ThicknessPicture; readonly isBusy: boolean } {
  const key = curveKey(settings);
  const { thicknessNm } = settings;
  const [, redraw] = useState(0);
  const isCheap = useMemo(() => deviceOf(settings).rate.model !== "tsu-esaki", [settings.cell]);
  const isKnown = known?.key === key && covers(known, thicknessNm);
  if (!isKnown && isCheap) known = { key, curves: thicknessPicture(deviceOf(settings), points).curves };
  const isBusy = !isKnown && !isCheap;
  useEffect(() => {
    if (!isBusy) return;
    const load = async () => {
      const value = await ask({ kind: "thickness", settings, points });
      if (value === undefined) return;
      known = { key, curves: (value as ThicknessPicture).curves };
      redraw((n) => n + 1);
    };
    void load();
  }, [key, isBusy]);
  const curves = known?.curves;
  const picture = useMemo(
    () => ({ curves: curves ?? [], chosen: { thicknessNm, p } }),
    [curves, thicknessNm, p],
  );
  return { picture, isBusy };
}
