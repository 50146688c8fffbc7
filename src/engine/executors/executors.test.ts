import { describeExecutor } from "../../../test/support/executor-conformance.ts";
import { inlineExecutor } from "./inline.ts";
import { threadsExecutor } from "./threads.ts";

describeExecutor("inline", inlineExecutor);
describeExecutor("one thread", (context) => threadsExecutor(context, 1));
describeExecutor("three threads", (context) => threadsExecutor(context, 3));
