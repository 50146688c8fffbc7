/**
 * @file Turns off the telemetry of the ONNX runtime: outside Windows, 1.29 and later send what is run and on which
 * machine to their maker, and keep an identifier on disk. It heeds its environment alone, and only while it is loaded,
 * so that whatever loads it imports this file first. `ORT_DISABLE_TELEMETRY=0` from outside stands.
 */
process.env["ORT_DISABLE_TELEMETRY"] ??= "1";
