/** `npm run bench`: see USAGE in options.ts. */
import { withClient } from "../src/database/withClient.ts";
import { describeFailure } from "../src/describeFailure.ts";
import { openBenchData } from "./data/openBenchData.ts";
import { LoadGenerator } from "./load/LoadGenerator.ts";
import { type BenchOptions, parseOptions, USAGE } from "./options.ts";
import { installPeers } from "./peers/installPeers.ts";
import { SERVERS } from "./peers/servers.ts";
import type { Section } from "./report/section.ts";
import { describeSection } from "./report/terminal.ts";
import { writePage } from "./report/writePage.ts";
import { WORKLOADS } from "./workloads/index.ts";

const tell = (text: string) => console.log(text);

/** What the chosen servers need, and what the chart does. */
function install({ only, writesPage }: BenchOptions): void {
  const folders = SERVERS.filter(({ name }) => only.length === 0 || only.includes(name)).flatMap(
    ({ installs = [] }) => installs,
  );
  for (const folder of new Set(writesPage ? ["bench", ...folders] : folders)) {
    installPeers(folder, tell);
  }
}

async function measure(options: BenchOptions) {
  const began = Date.now();
  const data = await openBenchData(tell);
  const load = new LoadGenerator();
  const sections: Section[] = [];
  let failures = 0;
  // The database would go on running: it outlives the process that started it.
  const interrupt = () => void data.close().finally(() => process.exit(130));
  process.once("SIGINT", interrupt).once("SIGTERM", interrupt);
  try {
    for (const workload of WORKLOADS) {
      if (options.workloads.length > 0 && !options.workloads.includes(workload.name)) {
        continue;
      }
      try {
        const section = await workload.run({ data, load, options, tell });
        tell(`\n${describeSection(section)}`);
        sections.push(section);
      } catch (error) {
        failures++;
        console.error(`\n${workload.name}: ${describeFailure(error)}`);
      }
    }
    const postgres = await withClient(data.adminUrl, async (client) => {
      const { rows } = await client.query<{ version: string }>("show server_version");
      return Object.values(rows[0] ?? {})[0] ?? "";
    });
    return { sections, failures, postgres, minutes: (Date.now() - began) / 60_000 };
  } finally {
    await load.close();
    await data.close();
  }
}

async function main(): Promise<void> {
  const known = { workloads: WORKLOADS.map(({ name }) => name), servers: SERVERS.map(({ name }) => name) };
  const { options, isHelp } = parseOptions(process.argv.slice(2), known);
  if (isHelp) {
    tell(`${USAGE}\n\nWorkloads: ${known.workloads.join(", ")}\nServers: ${known.servers.join(", ")}`);
    return;
  }
  install(options);
  const { sections, failures, ...facts } = await measure(options);
  if (options.writesPage && failures === 0) {
    tell(`Wrote ${await writePage(sections, { ...facts, options })}.`);
  }
  // A target that is missed is told and no failure of the run; an answer that is wrong is.
  process.exitCode = failures > 0 ? 1 : 0;
}

await main().catch((error: unknown) => {
  console.error(`bench: ${describeFailure(error)}`);
  process.exitCode = 2;
});
