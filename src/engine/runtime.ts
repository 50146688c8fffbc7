/** @file The one way to the ONNX runtime. */
import "./no-telemetry.ts";
export { env, InferenceSession, Tensor } from "onnxruntime-node";
