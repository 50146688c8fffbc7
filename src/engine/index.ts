/**
 * @file The room of running networks: data sets, sessions, weights that change, single trials and their executors,
 * Jacobians.
 */
export {
  checkFits,
  checkLabels,
  modelIo,
  parseDataset,
  sliceDataset,
  type Dataset,
  type ModelIo,
} from "./dataset.ts";
export { inlineExecutor, openExecutor, threadsExecutor, type Executor, type RunOptions } from "./executor.ts";
export {
  inferLogits,
  logitsModel,
  measureJacobian,
  type JacobianMethod,
  type JacobianOptions,
  type TensorJacobian,
} from "./jacobian.ts";
export {
  cleanReference,
  confidences,
  nonFiniteAnswer,
  tally,
  topClasses,
  type CleanReference,
  type Tally,
} from "./judge.ts";
export { bindWeights, chooseBinder, type BinderKind, type Logits, type WeightBinder } from "./network.ts";
export {
  decodeSegments,
  openTrialRunner,
  type Protection,
  type TrialContext,
  type TrialJob,
  type TrialOutcome,
  type TrialRunner,
} from "./trial.ts";
