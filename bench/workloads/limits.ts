import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import pg from "pg";

import { type BenchPerson, findPeople } from "../data/people.ts";
import { settingsOfPerson } from "../data/settingsOfPerson.ts";
import { median } from "../measure/median.ts";
import { STATEMENTS } from "../peers/statements.ts";
import { fixed, type Section, whole } from "../report/section.ts";
import type { Bench, Workload } from "./workload.ts";

const CLIENTS = 8;
const PEOPLE = 20;

const SECTION = {
  name: "limits",
  title: "Limits: Postgres without a server in front",
  targets: [],
};

interface Way {
  title: string;
  isSecured: boolean;
  script: (settings: string, statement: string) => string;
}

const PIPELINED = (settings: string, statement: string) =>
  `\\startpipeline\n${settings}\n${statement}\n\\endpipeline`;
const WAYS: readonly Way[] = [
  {
    title: "begin, settings, statement, commit: four round trips",
    isSecured: true,
    script: (settings, statement) => `begin;\n${settings}\n${statement}\ncommit;`,
  },
  { title: "settings and statement, one round trip", isSecured: true, script: PIPELINED },
  {
    title: "the statement alone, as a superuser without row security",
    isSecured: false,
    script: (_, statement) => statement,
  },
];

function settingsStatement(person: BenchPerson): string {
  const calls = Object.entries(settingsOfPerson(person)).map(
    ([name, value]) => `set_config(${pg.escapeLiteral(name)}, ${pg.escapeLiteral(value)}, true)`,
  );
  return `select ${calls.join(", ")};`;
}

/** pgbench has one line for a statement. */
const inOneLine = (text: string) => `${text.replaceAll(/\s+/g, " ").trim()};`;

/** What is asked, by name. */
function statementsOf({ patientIds }: BenchPerson, isSecured: boolean): Record<string, string> {
  const { point, list } = STATEMENTS;
  const byId = inOneLine(point?.text ?? "").replace("$1", `${pg.escapeLiteral(patientIds[0] ?? "")}::uuid`);
  // Past row security, the list would be one of everybody's patients.
  return isSecured
    ? { point: byId, list: inOneLine(list?.text ?? ""), "list as JSON": inOneLine(list?.json ?? "") }
    : { point: byId };
}

/**
 * pgbench prepares statements before it has any settings, which takes a superuser; by the settings of each transaction it
 * becomes `app_user`, as requests do.
 */
function runPgbench(url: string, scripts: readonly string[], seconds: number): number {
  const folder = mkdtempSync(join(tmpdir(), "bailiwick-pgbench-"));
  try {
    const files = scripts.map((script, index) => {
      const file = join(folder, `${index}.sql`);
      writeFileSync(file, script);
      return `--file=${file}`;
    });
    const { hostname, port, username, password, pathname } = new URL(url);
    const args = [
      ...[
        "--no-vacuum",
        "--protocol=prepared",
        `--client=${CLIENTS}`,
        "--jobs=1",
        `--time=${Math.ceil(seconds)}`,
      ],
      ...[`--host=${hostname}`, `--port=${port}`, `--username=${decodeURIComponent(username)}`, ...files],
      pathname.slice(1),
    ];
    const { stdout, stderr } = spawnSync("pgbench", args, {
      encoding: "utf8",
      env: { PATH: process.env.PATH, PGPASSWORD: decodeURIComponent(password) },
    });
    const perSecond = /tps = ([\d.]+)/.exec(stdout ?? "")?.[1];
    if (perSecond === undefined) {
      throw new Error(`pgbench said: ${stderr}`);
    }
    return Number(perSecond);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function measure({ data, options, tell }: Bench): Promise<Section["table"]> {
  const urls = await data.open("clinic", options.size);
  const people = await findPeople(urls, data.config, PEOPLE);
  const rows: string[][] = [];
  for (const { title, isSecured, script } of WAYS) {
    for (const what of Object.keys(statementsOf(people[0] as BenchPerson, isSecured))) {
      tell(`  pgbench: ${what}, ${title}`);
      const scripts = people.map((person) =>
        script(settingsStatement(person), statementsOf(person, isSecured)[what] ?? ""),
      );
      const rounds = Array.from({ length: options.rounds }, () =>
        runPgbench(urls.superuser, scripts, options.seconds),
      );
      rows.push([what, title, whole(median(rounds)), fixed((1000 * CLIENTS) / median(rounds))]);
    }
  }
  return { head: ["what", "how", "requests/s", "ms"], rows };
}

export const limits: Workload = {
  name: "limits",
  async run(bench) {
    const version = spawnSync("pgbench", ["--version"], { encoding: "utf8" }).stdout?.trim();
    if (!version) {
      const about =
        "Not measured: there is no pgbench on the path. The embedded Postgres brings none; Debian's is in postgresql-contrib.";
      return { ...SECTION, about, table: { head: [], rows: [] } };
    }
    const about = `${version}, ${CLIENTS} clients, prepared statements: what is left when nobody speaks HTTP, verifies tokens or writes JSON.`;
    return { ...SECTION, about, table: await measure(bench) };
  },
};
