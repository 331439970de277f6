import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";

import { describe, expect, it, jest } from "@jest/globals";
import { Client } from "pg";

import { findEmbeddedPostgres } from "../../src/database/embedded/startEmbeddedPostgres.ts";
import { BailiwickProcess, eventually } from "./bailiwickProcess.ts";
import { fastestOfThree } from "./fastestOfThree.ts";
import { useScratchProject } from "./scratchProject.ts";

// Real clusters with real fsync, on whatever disk there is and beside whatever else runs.
jest.setTimeout(300_000);

const RESTART_LIMIT = 10_000;

const project = await useScratchProject();

const start = (env?: Record<string, string>) => new BailiwickProcess(project, ["start"], env);
const server = () => findEmbeddedPostgres(project.dataDir);

async function sql(text: string): Promise<unknown[]> {
  const client = new Client({ connectionString: server()?.superuserUrl });
  await client.connect();
  try {
    return (await client.query(text)).rows;
  } finally {
    await client.end();
  }
}

/** Does what a curl command asks for; a shell takes it apart, and curl itself need not be there. */
async function paste(command: string): Promise<unknown> {
  const script = `curl() { printf '%s\\n' "$@"; }\n${command}`;
  const words = execFileSync("sh", ["-c", script], { encoding: "utf8" }).trimEnd().split("\n");
  const valuesOf = (option: string) => words.filter((_, index) => words[index - 1] === option);
  const response = await fetch(words.find((word) => word.startsWith("http")) ?? "", {
    method: "POST",
    headers: valuesOf("-H").map((header) => header.split(": ", 2) as [string, string]),
    body: valuesOf("-d")[0],
  });
  return response.json();
}

describe("bailiwick start", () => {
  it("leaves no process behind after Ctrl-C on the way", async () => {
    const running = start();
    await running.says(/Starting Postgres/);
    expect(await running.stop("SIGINT")).toMatchObject({
      code: 0,
      output: expect.not.stringContaining("Ready"),
    });
    expect(project.processes()).toEqual([]);
  });

  it("serves, and leaves no process behind after Ctrl-C", async () => {
    const running = start();
    expect((await running.query("{ __typename }")).data).toEqual({ __typename: "Query" });
    await sql("create table public.kept (word text); insert into public.kept values ('kept')");
    expect(await running.stop("SIGINT")).toMatchObject({ code: 0 });
    expect(project.processes()).toEqual([]);
  });

  it("prints three queries that work when pasted, and is ready in every respect", async () => {
    const running = start();
    const [output] = await running.says(/Ready in[^]*Ctrl-C stops everything/);
    const answers = await Promise.all(
      [...output.matchAll(/^curl (.+\\\n)*.+$/gm)].map(([command]) => paste(command)),
    );
    expect(answers).toEqual([
      { data: expect.objectContaining({ viewer: expect.objectContaining({ email: "alice@example.com" }) }) },
      {
        data: {
          patients: { nodes: expect.arrayContaining([expect.objectContaining({ familyName: "Becker" })]) },
        },
      },
      { data: { careSessions: { nodes: expect.arrayContaining([expect.anything()]) } } },
    ]);
    const [, health] = await running.says(/Health\s+(http\S+)/);
    expect(await (await fetch(health ?? "")).json()).toMatchObject({
      ready: true,
      checks: { database: true, migrations: true, worker: true },
    });
    await running.stop();
  });

  it("is ready again in under ten seconds, with its data", async () => {
    const fastest = await fastestOfThree(RESTART_LIMIT, async () => {
      const began = Date.now();
      const running = start();
      await running.says(/Ready in/);
      const milliseconds = Date.now() - began;
      expect(await sql("select word from public.kept")).toEqual([{ word: "kept" }]);
      expect(await running.stop("SIGTERM")).toMatchObject({ code: 0 });
      expect(project.processes()).toEqual([]);
      return milliseconds;
    });
    expect(fastest).toBeLessThan(RESTART_LIMIT);
  });

  it("adopts the server that a killed process left behind", async () => {
    const killed = start();
    await killed.says(/Ready in/);
    const orphan = server()?.pid;
    await killed.stop("SIGKILL");
    expect(server()?.pid).toBe(orphan);
    const running = start();
    await running.says(/Ready in/);
    expect(server()?.pid).toBe(orphan);
    await running.stop();
    expect(project.processes()).toEqual([]);
  });

  it("starts a killed server again and goes on serving", async () => {
    const running = start();
    await running.says(/Ready in/);
    const killed = server()?.pid ?? 0;
    process.kill(killed, "SIGKILL");
    await eventually(() => server() !== null && server()?.pid !== killed);
    await eventually(
      async () => (await running.query("{ hasClinicAccess: __typename }")).errors === undefined,
    );
    await running.stop();
    expect(project.processes()).toEqual([]);
  });

  it("does not mistake another process for its server when postmaster.pid is stale", async () => {
    // This test's own process: alive, and no Postgres.
    const stale = [process.pid, project.dataDir, 0, 5432, "/tmp", "127.0.0.1", "0 0", "ready   ", ""];
    writeFileSync(join(project.dataDir, "postgres-18/postmaster.pid"), stale.join("\n"));
    const running = start();
    await running.says(/Ready in/);
    await running.stop();
    expect(project.processes()).toEqual([]);
  });

  it("says in one sentence that its port is taken", async () => {
    const blocker = createServer().listen(0, "127.0.0.1");
    await once(blocker, "listening");
    const { port } = blocker.address() as { port: number };
    const { code, output } = await start({ PORT: String(port) }).exit();
    blocker.close();
    expect(output).toMatch(new RegExp(`Port ${port} on 127.0.0.1 is taken: .*set PORT to a free port\\.\n$`));
    expect(code).toBe(2);
  });

  it("says in one sentence that DATABASE_URL leads nowhere", async () => {
    const { code, output } = await start({ DATABASE_URL: "postgres://nobody:x@127.0.0.1:1/none" }).exit();
    expect(output).toMatch(
      /Cannot connect to DATABASE_URL \(connect ECONNREFUSED [^\n]*: check that [^\n]*\.\n$/,
    );
    expect(code).toBe(2);
  });

  it("says in one sentence that its data folder cannot be written", async () => {
    const { code, output } = await start({ DATA_DIR: "/dev/null/data" }).exit();
    expect(output).toMatch(
      /Cannot write to the data folder '\/dev\/null\/data': .* set DATA_DIR to a folder that is\.\n$/,
    );
    expect(code).toBe(2);
  });
});
