import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

import type { ClientBase } from "pg";

import { domainPage } from "./domainPage.ts";
import { readTables } from "./readTables.ts";
import { type AbsenceReasons, schemaIndex } from "./schemaIndex.ts";
import { tableDomains } from "./tableDomains.ts";

export interface SchemaDocs {
  /** What each file must hold, by its path relative to the project. */
  pages: Map<string, string>;
  /** The files, relative to the project, that hold something else or are missing. */
  stale: string[];
  /** Sentences about what no page can say yet; see `schemaIndex`. */
  problems: string[];
}

const FOLDER = "docs/domains";

/**
 * The pages of docs/domains: one for each domain that has tables, and the list of all tables.
 *
 * @param client any connection to a database that the project's migrations made.
 */
export async function makeSchemaDocs(
  client: ClientBase,
  projectRoot: string,
  exposedSchemas: readonly string[],
): Promise<SchemaDocs> {
  const tables = await readTables(client);
  const domains = tableDomains(join(projectRoot, "migrations/fixtures"));
  const reasons: AbsenceReasons = JSON.parse(
    readFileSync(join(projectRoot, FOLDER, "notInApi.json"), "utf8"),
  );
  const { text, problems } = schemaIndex(tables, domains, exposedSchemas, reasons);
  const pages = new Map<string, string>([[`${FOLDER}/README.md`, await formatted(text)]]);
  for (const domain of new Set(tables.map(({ name }) => domains.get(name)))) {
    if (domain !== undefined) {
      const path = `${FOLDER}/${domain}.md`;
      const ofDomain = tables.filter(({ name }) => domains.get(name) === domain);
      pages.set(path, await formatted(domainPage(domain, ofDomain, read(path))));
    }
  }
  const stale = [...pages].filter(([path, page]) => read(path) !== page).map(([path]) => path);
  return { pages, stale, problems };

  function read(path: string): string | undefined {
    const file = join(projectRoot, path);
    return existsSync(file) ? readFileSync(file, "utf8") : undefined;
  }
}

/** As `npm run format` leaves it. Loaded when needed: it is a tool of developers, and slow to load. */
async function formatted(markdown: string): Promise<string> {
  const { format } = await import("prettier");
  return format(markdown, { parser: "markdown" });
}
