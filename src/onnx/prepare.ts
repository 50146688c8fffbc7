/**
 * @file From a user's model to the two things everything else works on: what the memory holds, and a float32 model
 * whose weights can be overwritten.
 */
import { numberFormat } from "../channel/index.ts";
import { QtamlError } from "../errors.ts";
import { dropUnusedInitialisers, dropUnusedNodes, foldBatchNormalization } from "./fold.ts";
import { inlineFunctions } from "./functions.ts";
import { cloneModel, type OnnxModel } from "./model.ts";
import { takeApart } from "./quantised/index.ts";
import { hoistConstants, indexModel, type ModelIndex } from "./scopes.ts";
import type { TensorRole, StoredTensor } from "../stored/index.ts";
import { isNameSelected, roleWords, selectTensors, usualRoles } from "./selection.ts";
import { storeTensors, type StorageOptions } from "./store.ts";
import { elementCount, tensorDims } from "./tensor.ts";
import { absenceReason, findTensors, type AbsentTensor, type FoundTensor } from "./weights.ts";

export type { StorageOptions } from "./store.ts";

/** Key of a hardened model's metadata under which its plan is. */
export const planKey = "qtaml.plan";

/** A model split into the memory's content and the network around it. */
export interface PreparedModel {
  /** The network with every stored tensor as a float32 initialiser `runtimeName`, decoded from its clean codes. */
  readonly model: OnnxModel;
  /** What the memory holds, in the order of first use. */
  readonly tensors: readonly StoredTensor[];
  /** How many batch normalisations were folded into weights. */
  readonly foldedNormalizations: number;
  /** Constants of the model that the memory does not hold. */
  readonly absent?: readonly AbsentTensor[];
}

/** A model on its way into the memory: what it holds is chosen and not yet stored. */
export interface ChosenTensors {
  /** A copy of the model: functions written out, constants as initialisers, normalisations folded, quantised operators taken apart. */
  readonly model: OnnxModel;
  readonly index: ModelIndex;
  readonly chosen: readonly FoundTensor[];
  readonly absent: readonly AbsentTensor[];
  readonly foldedNormalizations: number;
}

/**
 * Writes out the model's functions, folds normalisations, takes quantised operators apart and finds the tensors that
 * are chosen. The given model is left as it was.
 *
 * @throws QtamlError `unsupported-model` when the model has no weights, `invalid-argument` for a pattern that no tensor
 *   matches
 */
export function chooseTensors(source: OnnxModel, options: StorageOptions): ChosenTensors {
  for (const name of [options.format, options.parameterFormat]) if (name !== undefined) numberFormat(name);
  const model = cloneModel(source);
  inlineFunctions(model);
  hoistConstants(model);
  dropUnusedInitialisers(model);
  const foldedNormalizations = foldBatchNormalization(model);
  takeApart(model, (name) => isNameSelected(name, options));
  dropUnusedInitialisers(model);
  const index = indexModel(model);
  const found = findTensors(index);
  const chosen = selectTensors(found, options);
  if (isTabled(model, found)) {
    throw new QtamlError(
      "unsupported-model",
      "The model was hardened by qtaml with its weights as table look-ups, which is a form to run and not to plan for; give the model that it was made from, or harden that with --form qdq.",
    );
  }
  if (chosen.length === 0) throw nothingToStore(found, options);
  const absent = absentTensors(model, index, found, chosen, options);
  return { model, index, chosen, absent, foldedNormalizations };
}

/**
 * Finds what the memory holds and stores it. The given model is left as it was.
 *
 * @throws QtamlError `unsupported-model` when the model has no weights, `non-finite` when one is NaN or infinite,
 *   `invalid-argument` for an unknown format or a pattern that no tensor matches
 */
export function prepareModel(source: OnnxModel, options: StorageOptions = {}): PreparedModel {
  const { model, index, chosen, absent, foldedNormalizations } = chooseTensors(source, options);
  const tensors = storeTensors(model, index, chosen, options);
  // What passed on codes that are decoded now.
  dropUnusedNodes(model);
  dropUnusedInitialisers(model);
  return { model, tensors, foldedNormalizations, absent };
}

/** Whether the weights were hardened in the form `gather`, which leaves none to be found. */
function isTabled({ metadataProps }: OnnxModel, found: readonly FoundTensor[]): boolean {
  return (
    metadataProps.some(({ key }) => key === planKey) && !found.some(({ role }) => usualRoles.includes(role))
  );
}

function nothingToStore(found: readonly FoundTensor[], { roles = [] }: StorageOptions): QtamlError {
  const isChosen = ({ role }: FoundTensor) => usualRoles.includes(role) || roles.includes(role);
  return new QtamlError(
    found.some(isChosen) ? "invalid-argument" : "unsupported-model",
    found.some(isChosen)
      ? "The patterns leave no tensor in the memory; relax --include or --exclude."
      : "The model has no weights in the memory: no operator with weights (Conv, Gemm, MatMul, Gather, LSTM, ...) has a constant operand; give a trained network.",
  );
}

/** The constants that were not chosen, with the reason of each. */
function absentTensors(
  model: OnnxModel,
  index: ModelIndex,
  found: readonly FoundTensor[],
  chosen: readonly FoundTensor[],
  { roles = [] }: StorageOptions,
): AbsentTensor[] {
  const roleOf = new Map<string, TensorRole>(found.map(({ name, role }) => [name, role]));
  const stored = new Set(chosen.map(({ name }) => name));
  const absent: AbsentTensor[] = [];
  for (const tensor of model.graph.initializer) {
    if (stored.has(tensor.name)) continue;
    const dims = tensorDims(tensor);
    const role = roleOf.get(tensor.name);
    const isWanted = role !== undefined && (usualRoles.includes(role) || roles.includes(role));
    absent.push({
      name: tensor.name,
      dims,
      count: elementCount(dims),
      role,
      reason: isWanted
        ? "not chosen by name"
        : role === undefined
          ? absenceReason(index, tensor)
          : roleWords[role].words,
    });
  }
  for (const { values, dims } of model.graph.sparseInitializer) {
    const shape = dims.map(Number);
    const name = values?.name ?? "";
    absent.push({
      name,
      dims: shape,
      count: elementCount(shape),
      role: undefined,
      reason: "stored sparsely",
    });
  }
  return absent;
}
