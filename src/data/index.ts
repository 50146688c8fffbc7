/** @file The room of data: the formats that samples and labels come in, and the data set they become. */
export {
  classLabels,
  datasetOf,
  labelsOf,
  parseDataset,
  pickSamples,
  samplesOf,
  singleInput,
  sliceDataset,
  unnamedInput,
  type Constant,
  type Dataset,
  type Labels,
  type SampleArray,
} from "./dataset.ts";
export type { NpyArray, NpyData } from "./decode.ts";
export { fromHalf, toHalf, widenHalves } from "./half.ts";
export { parseIdx } from "./idx.ts";
export { absoluteData } from "./named.ts";
export { formatNpy, parseNpy } from "./npy.ts";
export { formatNpz, parseNpz, readNpz } from "./npz.ts";
export { parsePreprocessing, type Preprocessing } from "./preprocessing.ts";
export { isTablePath, readDataset, type DataRequest, type DeclaredShape, type ReadData } from "./read.ts";
export { absoluteFeed } from "./settings.ts";
export { parseStructured } from "./structured.ts";
