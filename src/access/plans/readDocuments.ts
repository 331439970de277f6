import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

import { parse } from "graphql";

import type { ApiRequest } from "./openApi.ts";

/** Screens of a clinic's front end as GraphQL, one a file: what this API is asked in practice. */
const DOCUMENTS_FOLDER = join(import.meta.dirname, "documents");

/**
 * Every document, with the values of its variables.
 *
 * @throws when one declares a variable that nobody has a value for.
 */
export async function readDocuments(variables: Readonly<Record<string, string>>): Promise<ApiRequest[]> {
  const files = (await readdir(DOCUMENTS_FOLDER)).filter((file) => file.endsWith(".graphql")).sort();
  return Promise.all(
    files.map(async (file) => {
      const query = await readFile(join(DOCUMENTS_FOLDER, file), "utf8");
      const names = variableNames(query);
      const missing = names.filter((name) => variables[name] === undefined);
      if (missing.length > 0) {
        throw new Error(`'${file}' declares $${missing.join(", $")}, which has no value`);
      }
      const values = Object.fromEntries(names.map((name) => [name, variables[name]]));
      return { title: file.replace(/\.graphql$/, ""), query, variables: values };
    }),
  );
}

function variableNames(query: string): string[] {
  return parse(query).definitions.flatMap((definition) =>
    definition.kind === "OperationDefinition"
      ? (definition.variableDefinitions ?? []).map(({ variable }) => variable.name.value)
      : [],
  );
}
