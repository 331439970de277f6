/** `npm run bench`: see USAGE in options.ts. */
import { openBenchData } from "./data/openBenchData.ts";
import { describeFailure } from "../src/describeFailure.ts";
import { LoadGenerator } from "./load/LoadGenerator.ts";
import { parseOptions, USAGE } from "./options.ts";
import { SERVERS } from "./peers/servers.ts";
import type { Section } from "./report/section.ts";
import { describeSection } from "./report/terminal.ts";
import { WORKLOADS } from "./workloads/index.ts";

async function main(): Promise<void> {
  const known = { workloads: WORKLOADS.map(({ name }) => name), servers: SERVERS.map(({ name }) => name) };
  const { options, isHelp } = parseOptions(process.argv.slice(2), known);
  if (isHelp) {
    console.log(`${USAGE}\n\nWorkloads: ${known.workloads.join(", ")}\nServers: ${known.servers.join(", ")}`);
    return;
  }
  const tell = (text: string) => console.log(text);
  const data = await openBenchData(tell);
  const load = new LoadGenerator();
  const sections: Section[] = [];
  try {
    for (const workload of WORKLOADS) {
      if (options.workloads.length === 0 || options.workloads.includes(workload.name)) {
        const section = await workload.run({ data, load, options, tell });
        console.log(`\n${describeSection(section)}`);
        sections.push(section);
      }
    }
  } finally {
    await load.close();
    await data.close();
  }
}

await main().catch((error: unknown) => {
  console.error(`bench: ${describeFailure(error)}`);
  process.exitCode = 2;
});
