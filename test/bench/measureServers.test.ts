import { afterAll, beforeAll, describe, expect, it, jest } from "@jest/globals";

import { BENCH_DAY } from "../../bench/data/shapes.ts";
import { LoadGenerator } from "../../bench/load/LoadGenerator.ts";
import { measureServers } from "../../bench/measure/measureServers.ts";
import { type Server, SERVERS } from "../../bench/peers/servers.ts";
import { point } from "../../bench/workloads/point.ts";
import type { Bench } from "../../bench/workloads/workload.ts";
import { generateVolume } from "../../src/generate/generateVolume.ts";
import { useTestDatabase } from "../support/database.ts";

jest.setTimeout(120_000);

const db = useTestDatabase();
const SHAPE = { organizations: 2, clinics: 2, patients: 60, appointments: 0, seed: 1, around: BENCH_DAY };
const known = (name: string) => SERVERS.filter((server) => server.name === name);
const liar = (...args: string[]): Server[] => [
  { name: "liar", title: "A liar", dialect: "plain", args: ["test/bench/liar.ts", ...args] },
];

let load: LoadGenerator;

beforeAll(async () => {
  load = new LoadGenerator();
  await generateVolume(db.urls, SHAPE);
});
afterAll(() => load.close());

function measure(servers: readonly Server[]) {
  const options: Bench["options"] = {
    workloads: [],
    only: [],
    writesPage: false,
    size: "small",
    seconds: 3,
    rounds: 1,
    connections: 4,
  };
  const { config, urls } = db;
  const notNeeded = () => Promise.reject(new Error("The servers have been placed."));
  const data: Bench["data"] = {
    config,
    adminUrl: urls.root,
    postmaster: process.pid,
    open: notNeeded,
    copy: notNeeded,
    make: notNeeded,
    close: notNeeded,
  };
  const bench: Bench = { data, load, options, tell: () => undefined };
  const placed = servers.map((server) => ({ server, urls }));
  return measureServers(bench, point, { placed, isSameData: true });
}

describe("the benchmark", () => {
  it("measures the gateway beside a hand-written server that answers the same", async () => {
    const figures = await measure([...known("bailiwick"), ...known("pipeline")]);
    expect(figures.map(({ server }) => server)).toEqual(["bailiwick", "pipeline"]);
    for (const { perSecond, p50, p99, memory } of figures) {
      expect(perSecond).toBeGreaterThan(0);
      expect(p99).toBeGreaterThanOrEqual(p50);
      expect(memory).toBeGreaterThan(0);
    }
  });

  it("times nothing when a server answers something else", async () => {
    await expect(measure([...known("pipeline"), ...liar()])).rejects.toThrow(
      /A liar answers 200 .*Somebody/s,
    );
  });

  it("fails when answers become wrong under load", async () => {
    await expect(measure(liar("--later"))).rejects.toThrow(/A liar: of \d+ answers \d+ were wrong/);
  });
});
