import { spawnSync } from "node:child_process";
import { join } from "node:path";

import { fixed, type Section } from "./section.ts";
import { ratioOf, STOCK } from "./serverTable.ts";

/** How many times as much as stock each server answered, for each workload that compared them. @returns an SVG; null where none did. */
export function drawChart(sections: readonly Section[]): string | null {
  const compared = sections.filter(({ servers }) => servers?.some(({ server }) => server === STOCK));
  const [first] = compared;
  if (!first?.servers) {
    return null;
  }
  const input = {
    title: "Requests a second; stock PostGraphile 5 is 1.00",
    categories: compared.map(({ name }) => name),
    series: first.servers.map(({ server, title }) => ({
      name: title,
      values: compared.map(({ servers = [] }) => {
        const ratio = ratioOf(servers, server);
        return Number.isFinite(ratio) ? Number(fixed(ratio)) : null;
      }),
    })),
  };
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    [join(import.meta.dirname, "drawChart.mjs")],
    { input: JSON.stringify(input), encoding: "utf8" },
  );
  if (status !== 0) {
    throw new Error(`The chart could not be drawn: ${stderr}`);
  }
  return stdout;
}
