/** @file The room of data: the formats that samples and labels come in, and the data set they become. */
export {
  classLabels,
  datasetOf,
  labelsOf,
  parseDataset,
  samplesOf,
  singleInput,
  sliceDataset,
  unnamedInput,
  type Constant,
  type Dataset,
  type Labels,
  type SampleArray,
} from "./dataset.ts";
export { fromHalf, toHalf } from "./half.ts";
export { formatNpy, formatNpz, parseNpy, parseNpz, type NpyArray, type NpyData } from "./npy.ts";
