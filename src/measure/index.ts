/**
 * @file The room of measures: how outputs are judged, against labels and against the clean network. Pure: runs in a
 * browser unchanged.
 */
export { builtInMeasure, defaultMeasure, findMeasure, measureNames } from "./built-in.ts";
export { customMeasure, type CustomMeasure, type JudgedSample } from "./custom.ts";
export type { LabelOptions } from "./answers.ts";
export { nonFiniteAnswer } from "./layout.ts";
export {
  measureUnits,
  type Judge,
  type Labels,
  type Measure,
  type MeasureDescription,
  type Outputs,
  type OutputScale,
  type Reference,
} from "./measure.ts";
export {
  addAnswers,
  answerCounter,
  noAnswers,
  outcomesOf,
  type AnswerCounter,
  type AnswerCounts,
  type Outcomes,
} from "./outcomes.ts";
export { mergeTallies, scoreOf, tally, type Tally } from "./tally.ts";
