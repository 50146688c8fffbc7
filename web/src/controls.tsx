/** @file What a reader changes things with: sliders with a field for exact figures, choices, buttons. */
import type { ComponentChildren, TargetedEvent } from "preact";
import { useId, useState } from "preact/hooks";
import { formatNumber } from "../../src/report/browser.ts";

/** A number between two limits, on a linear or a logarithmic scale. */
export interface SliderProps {
  readonly label: string;
  readonly unit: string;
  readonly value: number;
  readonly low: number;
  readonly high: number;
  /** The least that may be typed, where that is below the slider's end. */
  readonly least?: number;
  /** Smallest change; of a logarithmic slider in decades. */
  readonly step: number;
  readonly logarithmic?: boolean;
  /** What the number is in words, where its digits are not what is read best. */
  readonly words?: string;
  readonly onChange: (value: number) => void;
  readonly disabled?: boolean;
}

/** A number as the field shows it: as many digits as anybody set. */
const figure = (value: number) => String(Number(value.toPrecision(6)));

/** What a text field needs: what is being typed stays in it while the page draws itself anew. */
export function useDraft(shown: string, onDone: (text: string) => void) {
  const [draft, setDraft] = useState<string>();
  type TextEvent = TargetedEvent<HTMLInputElement>;
  return {
    value: draft ?? shown,
    onInput: (event: TextEvent) => setDraft(event.currentTarget.value),
    onChange: (event: TextEvent) => {
      setDraft(undefined);
      onDone(event.currentTarget.value);
    },
    onBlur: () => setDraft(undefined),
  };
}

/** A slider with a field. Arrow keys, page keys, Home and End work as everywhere; the field takes any figure. */
export function Slider(props: SliderProps) {
  const {
    label,
    unit,
    value,
    low,
    high,
    least = low,
    step,
    logarithmic = false,
    words,
    onChange,
    disabled = false,
  } = props;
  const id = useId();
  const field = useDraft(figure(value), (text) => set(text));
  const place = (x: number) => (logarithmic ? Math.log10(Math.max(low, x)) : x);
  const spoken = words ?? `${formatNumber(value)} ${unit}`.trim();
  const set = (text: string) => {
    const typed = Number(text);
    if (text.trim() !== "" && Number.isFinite(typed)) onChange(Math.min(high, Math.max(least, typed)));
  };
  return (
    <div class="control">
      <label for={id}>{label}</label>
      <span class="field">
        <input
          type="text"
          inputMode="decimal"
          aria-label={`${label}${unit === "" ? "" : ` in ${unit}`}, exact figure`}
          disabled={disabled}
          {...field}
        />
        <span class="unit">{unit}</span>
      </span>
      <input
        id={id}
        type="range"
        min={place(low)}
        max={place(high)}
        step={step}
        value={place(value)}
        aria-valuetext={spoken}
        disabled={disabled}
        onInput={(event) => {
          const x = Number(event.currentTarget.value);
          onChange(logarithmic ? Number((10 ** x).toPrecision(3)) : Number(x.toPrecision(6)));
        }}
      />
      {words === undefined ? null : <small>{words}</small>}
    </div>
  );
}

/** One of several. */
export interface ChoiceProps<T extends string> {
  readonly label: string;
  readonly value: T;
  readonly options: readonly { readonly value: T; readonly label: string }[];
  readonly onChange: (value: T) => void;
  readonly disabled?: boolean;
}

/** A menu. */
export function Choice<T extends string>({
  label,
  value,
  options,
  onChange,
  disabled = false,
}: ChoiceProps<T>) {
  const id = useId();
  return (
    <div class="control">
      <label for={id}>{label}</label>
      <select
        id={id}
        value={value}
        disabled={disabled}
        onChange={(event) => onChange(event.currentTarget.value as T)}
      >
        {options.map((option) => (
          <option key={option.value} value={option.value}>
            {option.label}
          </option>
        ))}
      </select>
    </div>
  );
}

/** Several of several. */
export function Choices<T extends string>({
  label,
  values,
  options,
  onChange,
}: {
  label: string;
  values: readonly T[];
  options: readonly { readonly value: T; readonly label: string }[];
  onChange: (values: readonly T[]) => void;
}) {
  return (
    <fieldset class="choices">
      <legend>{label}</legend>
      {options.map((option) => (
        <label key={option.value}>
          <input
            type="checkbox"
            checked={values.includes(option.value)}
            onChange={({ currentTarget: { checked } }) =>
              onChange(
                options
                  .map(({ value }) => value)
                  .filter((value) => (value === option.value ? checked : values.includes(value))),
              )
            }
          />
          {option.label}
        </label>
      ))}
    </fieldset>
  );
}

/** A line of text, taken when the reader has finished it. */
export function TextField({
  label,
  value,
  note,
  onChange,
}: {
  label: string;
  value: string;
  note?: string;
  onChange: (value: string) => void;
}) {
  const id = useId();
  const field = useDraft(value, onChange);
  return (
    <div class="control">
      <label for={id}>{label}</label>
      <input
        id={id}
        class="line"
        type="text"
        aria-describedby={note === undefined ? undefined : `${id}-note`}
        {...field}
      />
      {note === undefined ? null : <small id={`${id}-note`}>{note}</small>}
    </div>
  );
}

/** A box with the controls of a view. */
export function Controls({ title, children }: { title: string; children: ComponentChildren }) {
  return (
    <form class="controls" aria-label={title} onSubmit={(event) => event.preventDefault()}>
      {children}
    </form>
  );
}

/** A sentence with no break before a per cent sign. */
export const unbroken = (sentence: string): string => sentence.replaceAll(" %", "\u00a0%");

/** What a view says in a sentence, at its head. */
export function Answer({
  sentence,
  isLong = false,
  isLoud = true,
}: {
  sentence: string;
  /** Whether it takes several lines: it does not stay on the screen of a phone then. */
  isLong?: boolean;
  /** Whether readers who cannot see are told of each change. */
  isLoud?: boolean;
}) {
  return (
    <p class={isLong ? "answer long" : "answer"} role="status" aria-live={isLoud ? "polite" : "off"}>
      {unbroken(sentence)}
    </p>
  );
}

/** Figures in large type, each with its name. */
export function Facts({ facts }: { facts: readonly { name: string; value: string; note?: string }[] }) {
  return (
    <dl class="facts">
      {facts.map(({ name, value, note }) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>
            {value}
            {note === undefined ? null : <small>{note}</small>}
          </dd>
        </div>
      ))}
    </dl>
  );
}

/** What the reader should know, in sentences. */
export function Warnings({ warnings }: { warnings: readonly string[] }) {
  if (warnings.length === 0) return null;
  return (
    <div class="warnings" role="note" aria-label="Warnings">
      <ul>
        {warnings.map((warning) => (
          <li key={warning}>{warning}</li>
        ))}
      </ul>
    </div>
  );
}

/** What went wrong, and what to do. */
export function Failure({ message }: { message: string }) {
  return (
    <div class="failure" role="alert">
      <p>{message}</p>
    </div>
  );
}
