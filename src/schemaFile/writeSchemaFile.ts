import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join, relative, sep } from "node:path";
import { pathToFileURL } from "node:url";

import { type GraphQLSchema, printSchema } from "graphql";

import { importSchema } from "./importSchema.ts";
import { ORIGIN_MARK, PLUGINS_FOLDER, type SchemaOrigin, withOrigin } from "./schemaOrigin.ts";

type Functions = Record<string, unknown>;

/**
 * Writes a module that makes a schema without reading a catalogue, and loads it once to see that it does: a file of before is
 * replaced when the new one works, and at once. It lies somewhere in the folder of this package, whose plugins and dependencies it imports.
 *
 * @throws for a plan that cannot be written, see plugins/bound.ts.
 */
export async function writeSchemaFile(
  file: string,
  schema: GraphQLSchema,
  origin: SchemaOrigin,
): Promise<void> {
  await assertReplaceable(file);
  const code = await exportSchema(schema, dirname(file));
  await mkdir(dirname(file), { recursive: true });
  const draft = `${file}.${process.pid}.mjs`;
  try {
    await writeFile(draft, withOrigin(origin, `${code}\n`));
    if (printSchema(await importSchema(draft)) !== printSchema(schema)) {
      throw new Error("The schema's file makes another API than the catalogue.");
    }
    await rename(draft, file);
  } finally {
    await rm(draft, { force: true });
  }
}

/** @throws where a file lies that is no schema's, or a folder. */
export async function assertReplaceable(file: string): Promise<void> {
  const text = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "EISDIR") {
      throw new Error(`'${file}' is a folder; name a file.`);
    }
    if (error.code === "ENOENT") {
      return null;
    }
    throw error;
  });
  if (text !== null && !text.startsWith(ORIGIN_MARK)) {
    throw new Error(
      `'${file}' is there and was not written by 'bailiwick schema compile'; name another, or remove it.`,
    );
  }
}

/** @param folder where the text will lie: what it imports of this package is named from there. */
async function exportSchema(schema: GraphQLSchema, folder: string): Promise<string> {
  const modules = await ownFunctions(folder);
  // Installed where files are made, and not where they are served.
  const { exportSchemaAsString } = await import("graphile-export");
  const { noDeprecation } = process;
  // It looks at every member of node:crypto, the deprecated ones included.
  process.noDeprecation = true;
  try {
    const { code } = await exportSchemaAsString(schema, {
      mode: "graphql-js",
      modules,
      // Its text would be a tenth shorter, in twice the time, and take as long to load.
      optimizeLoops: 0,
    });
    return code;
  } finally {
    process.noDeprecation = noDeprecation;
  }
}

/** What plugins export, by the names under which a file in `folder` imports it. */
async function ownFunctions(folder: string): Promise<Record<string, Functions>> {
  const modules: Record<string, Functions> = {};
  for (const name of await readdir(PLUGINS_FOLDER)) {
    if (!/(?<!\.d)\.ts$/.test(name)) {
      continue;
    }
    const path = join(PLUGINS_FOLDER, name);
    const exported = Object.entries((await import(pathToFileURL(path).href)) as Functions);
    const functions = exported.filter(([, value]) => typeof value === "function");
    // One without functions would be taken for every list that is empty.
    if (functions.length > 0) {
      const specifier = relative(folder, path).replaceAll(sep, "/");
      const key = specifier.startsWith(".") ? specifier : `./${specifier}`;
      modules[key] = Object.fromEntries(functions);
    }
  }
  return modules;
}
