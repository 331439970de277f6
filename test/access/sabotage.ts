import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Something done to a database that takes protection away, by mistake or on purpose. */
export interface Sabotage {
  name: string;
  /** What it does, in a sentence. */
  what: string;
  sql: string;
  /** The beginning of the finding that names it, such as `0011_policy_to_public app_public.patients`; or `matrix`. */
  caughtBy: string;
  /** `opens`: rows are open, so `/ready` turns 503. `silent`: a hole that no row can be read through yet. */
  ready: "opens" | "silent";
  /** What the gateway's log says then; the same as `caughtBy` where nothing else is said. */
  logged: string;
  /** Of the whole cluster (roles): never committed where other tests run. */
  isOfCluster: boolean;
}

const FOLDER = join(import.meta.dirname, "sabotages");
const HEADER = /^-- (.+)\n-- Caught by: (.+)\n-- Ready: (opens|silent)(?:; (.+))?\n(-- Reach: cluster\n)?/;

/** Every sabotage: one file each, made by hand and not from the rules that have to find it. */
export function readSabotages(): Sabotage[] {
  return readdirSync(FOLDER)
    .sort()
    .map((file) => {
      const sql = readFileSync(join(FOLDER, file), "utf8");
      const [, what, caughtBy, ready, logged, reach] = HEADER.exec(sql) ?? [];
      if (what === undefined || caughtBy === undefined || (ready !== "opens" && ready !== "silent")) {
        throw new Error(`'${file}' must start with what it does, what catches it, and whether it opens rows`);
      }
      const name = file.replace(/\.sql$/, "");
      const isOfCluster = reach !== undefined;
      return { name, what, sql, caughtBy, ready, logged: logged ?? caughtBy, isOfCluster };
    });
}
