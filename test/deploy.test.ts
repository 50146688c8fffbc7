/** @file The manifests of deploy/ start what there is: each command and flag in them is one of the program. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { z } from "zod";
import { buildProgram } from "../src/cli/program.ts";
import { everyCommand, helpWithErrors } from "../src/cli/usage.ts";
import { inRepository } from "./cli-run.ts";

const manifest = (name: string): unknown => parse(readFileSync(inRepository(`deploy/${name}`), "utf8"));

/** Parses a command line without running it; throws what the program would say. */
async function parsed(args: readonly string[]): Promise<{ name: string; options: Record<string, unknown> }> {
  const program = buildProgram("0");
  helpWithErrors(program);
  let found: { name: string; options: Record<string, unknown> } | undefined;
  for (const command of everyCommand(program)) {
    command.configureOutput({ writeErr: () => undefined });
    if (command.commands.length === 0) {
      command.action(() => void (found = { name: command.name(), options: command.opts() }));
    }
  }
  await program.parseAsync([...args], { from: "user" });
  return found!;
}

const compose = z.object({
  services: z.object({
    redis: z.object({ command: z.array(z.string()) }),
    worker: z.object({
      command: z.array(z.string()),
      environment: z.record(z.string(), z.string()),
      volumes: z.array(z.string()),
      stop_grace_period: z.string(),
    }),
  }),
  volumes: z.record(z.string(), z.unknown()),
});

const job = z.object({
  apiVersion: z.literal("batch/v1"),
  kind: z.literal("Job"),
  spec: z.object({
    template: z.object({
      spec: z.object({
        restartPolicy: z.enum(["OnFailure", "Never"]),
        terminationGracePeriodSeconds: z.number(),
        containers: z.tuple([
          z.object({
            image: z.string(),
            args: z.array(z.string()),
            env: z.array(z.object({ name: z.string() })),
            volumeMounts: z.array(z.object({ name: z.string(), mountPath: z.string() })),
          }),
        ]),
        volumes: z.array(z.object({ name: z.string() })),
      }),
    }),
  }),
});

describe("compose.yaml", () => {
  const { services, volumes } = compose.parse(manifest("compose.yaml"));

  it("starts a worker of the server that it starts", async () => {
    const { name, options } = await parsed(services.worker.command);
    expect(name).toBe("worker");
    expect(new URL(String(options["redis"])).hostname).toBe("redis");
    expect(services.worker.volumes).toContain(`cache:${String(options["cache"])}`);
    expect(Object.keys(services.worker.environment)).toEqual(["QTAML_REDIS_PASSWORD"]);
    expect(Object.keys(volumes)).toEqual(["redis", "cache"]);
  });

  it("starts a Redis that forgets nothing and asks for a password", () => {
    const line = services.redis.command.join(" ");
    expect(line).toContain("--appendonly yes");
    expect(line).toContain("--maxmemory-policy noeviction");
    expect(line).toMatch(/--requirepass \$\{QTAML_REDIS_PASSWORD:\?/);
  });
});

describe("job.yaml", () => {
  const { containers, volumes } = job.parse(manifest("job.yaml")).spec.template.spec;
  const [{ args, env, volumeMounts }] = containers;

  it("starts workers that end, with a queue from the environment and a cache that is there", async () => {
    const { name, options } = await parsed(args);
    expect(name).toBe("worker");
    expect(options["exitWhenIdle"]).toBeGreaterThan(0);
    expect(env.map((variable) => variable.name)).toEqual(["QTAML_REDIS"]);
    const worker = everyCommand(buildProgram("0")).find((command) => command.name() === "worker")!;
    expect(worker.options.find((option) => option.envVar === "QTAML_REDIS")?.long).toBe("--redis");
    expect(volumeMounts).toEqual([{ name: volumes[0]!.name, mountPath: options["cache"] }]);
  });

  it("would be refused with a flag that there is not", async () => {
    await expect(parsed([...args, "--exit-when-idel", "1"])).rejects.toThrow(/unknown option/);
  });
});
