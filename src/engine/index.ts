/**
 * @file The room of running networks: feeding, sessions, weights that change, single trials and their executors,
 * Jacobians.
 */
export { planeCode } from "./codewords.ts";
export type { Executor, RunOptions } from "./executors/executor.ts";
export { inlineExecutor } from "./executors/inline.ts";
export { openExecutor, serve, type ExecutorOptions } from "./executors/open.ts";
export type { Served, ServeOptions } from "./executors/serve.ts";
export { threadsExecutor } from "./executors/threads.ts";
export { faultlessChance } from "./faultless.ts";
export { bindInputs, checkInputNames, planFeeds, type BoundInputs, type FeedPlan } from "./feed.ts";
export {
  formatDims,
  formatInputs,
  judgedModel,
  modelIo,
  type DeclaredSize,
  type ModelInput,
  type ModelIo,
} from "./io.ts";
export { providers, runtimeVersion, type Provider } from "./session.ts";
export { measureJacobian, type JacobianOptions } from "./jacobian.ts";
export { inferLogits, logitsModel } from "./logits.ts";
export { declaredScale, isModuleName, loadMeasure, openMeasure, type MeasureChoice } from "./measures.ts";
export type { JacobianMethod, TensorJacobian } from "./norms.ts";
export {
  bindWeights,
  chooseBinder,
  isSameOutput,
  outputSize,
  settleBatching,
  type BinderKind,
  type JudgedOutput,
  type WeightBinder,
} from "./network.ts";
export {
  decodeSegments,
  openMemoryReader,
  type ErrorSource,
  type MemoryContent,
  type MemoryRead,
  type MemoryReader,
  type Protection,
} from "./memory-reader.ts";
export { sampleOrder, samplesOfRun, type SampleRun } from "./samples.ts";
export { runStages, type StageRun, type StageValue } from "./stages.ts";
export {
  openTrialRunner,
  type TrialContext,
  type TrialJob,
  type TrialOutcome,
  type TrialRunner,
} from "./trial.ts";
