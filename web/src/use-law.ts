/** @file The law of the settings on the page. */
import { useEffect, useMemo, useState } from "preact/hooks";
import { numberFormat } from "../../src/channel/index.ts";
import { QtamlError } from "../../src/errors.ts";
import { ask } from "./ask.ts";
import { lawOf, type Law, type LawSettings } from "./law.ts";

interface Found {
  readonly law?: Law;
  readonly message?: string;
}

function findLaw(settings: LawSettings): Found {
  try {
    return { law: lawOf(settings) };
  } catch (error) {
    if (error instanceof QtamlError) return { message: error.message };
    throw error;
  }
}

/** The law of some settings: at once for narrow codes, from the worker for wide ones. */
export function useLaw(settings: LawSettings): Found & { readonly isBusy: boolean } {
  const key = JSON.stringify(settings);
  const isWide = numberFormat(settings.format).bits > 8;
  const narrow = useMemo(() => (isWide ? undefined : findLaw(settings)), [key]);
  const [wide, setWide] = useState<(Found & { readonly key: string }) | undefined>();
  useEffect(() => {
    if (!isWide) return;
    ask({ kind: "law", settings }).then(
      (value) => value !== undefined && setWide({ law: value as Law, key }),
      (error: Error) => setWide({ message: error.message, key }),
    );
  }, [key]);
  if (narrow !== undefined) return { ...narrow, isBusy: false };
  const isBusy = wide?.key !== key;
  return isBusy && wide?.law?.bits !== numberFormat(settings.format).bits ? { isBusy } : { ...wide, isBusy };
}
