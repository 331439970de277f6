import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

import type { CutKind } from "./cutConditions.ts";

/** One way in which access rules go wrong: a file of SQL in `operators`, named after it. */
export interface Operator {
  name: string;
  /** The sentence that is true of its mutants. */
  title: string;
  /** Whether its rows hold a `text`, of which each cut makes one mutant. */
  cuts: CutKind | undefined;
  /** Whether its mutants change what all databases of the server share. */
  isClusterWide: boolean;
  /** Returns (object, touches, sql), with `text` where it cuts. */
  sql: string;
}

const OPERATORS_FOLDER = join(import.meta.dirname, "operators");
const HEADER = /^-- (.+)\n(?:-- Cuts: (conditions|branches)\n)?(-- Cluster-wide\n)?(?!--)/;

/** Every operator, by name. @throws when one does not start with its sentence. */
export async function loadOperators(): Promise<Operator[]> {
  const files = (await readdir(OPERATORS_FOLDER)).filter((file) => file.endsWith(".sql")).sort();
  return Promise.all(files.map(loadOperator));
}

async function loadOperator(file: string): Promise<Operator> {
  const sql = await readFile(join(OPERATORS_FOLDER, file), "utf8");
  const name = file.replace(/\.sql$/, "");
  const [, title, cuts, isClusterWide] = HEADER.exec(sql) ?? [];
  if (title === undefined) {
    throw new Error(`The mutation operator '${name}' must start with a sentence in a comment`);
  }
  return { name, title, cuts: cuts as CutKind | undefined, isClusterWide: isClusterWide !== undefined, sql };
}
