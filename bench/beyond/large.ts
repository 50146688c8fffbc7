/** @file What planning a network of 25.5 million weights takes. */
import { assess } from "../../src/assessment/index.ts";
import { makePlan } from "../../src/planning/index.ts";
import { symmetricFlips } from "../../src/channel/index.ts";
import { singleInput } from "../../src/data/index.ts";
import { serialiseModel } from "../../src/onnx/index.ts";
import { resnet50 } from "../resnet50.ts";

/** Processor seconds that the parts of a plan take. */
export interface LargeResult {
  readonly weights: number;
  readonly size: number;
  readonly inputs: number;
  /** Reading, quantising, and the Jacobian. */
  readonly assessSeconds: number;
  /** The joint plan with its check. */
  readonly planSeconds: number;
}

/** Processor time of all threads so far, in seconds: other work on the machine does not count. */
export function processorSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

/** Height and width of the inputs. */
const size = 64;
const inputs = 64;

/** Plans a network in the shape of ResNet-50 on random inputs. */
export async function measureLarge(): Promise<LargeResult> {
  const model = resnet50(size);
  const values = Float32Array.from({ length: inputs * 3 * size * size }, (_, i) => Math.sin(i * 12.9898) * 2);
  const calibration = singleInput(inputs, [3, size, size], values);
  const clock = processorSeconds;
  const start = clock();
  const assessment = await assess(
    { name: "resnet50.onnx", bytes: serialiseModel(model) },
    { flips: (bits) => symmetricFlips(0.1, bits), calibration },
  );
  const assessed = clock();
  await makePlan(assessment, { policy: "joint", overhead: 0.05 });
  const planned = clock();
  return {
    weights: assessment.memory.reduce((sum, { count }) => sum + count, 0),
    size,
    inputs,
    assessSeconds: assessed - start,
    planSeconds: planned - assessed,
  };
}
