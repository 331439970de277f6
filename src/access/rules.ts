import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

import { PROJECT_ROOT } from "../config.ts";

/** `critical`: rows are open, or one grant away from it; the gateway refuses to serve. */
export const SEVERITIES = ["critical", "error", "warning"] as const;
export type Severity = (typeof SEVERITIES)[number];

/** One rule: its SQL in `src/access/rules`, its page in `docs/access`. Its story is in `test/access/rules`. */
export interface Rule {
  /** The name of its files, for example `0001_row_security_enabled`. */
  name: string;
  /** The sentence that is true when the rule finds nothing. */
  title: string;
  severity: Severity;
  /** Returns (object, detail, fix); reads the tables that `scope.sql` defines. */
  sql: string;
}

/** What a rule's page says. */
export interface RulePage {
  /** The whole page, as Markdown. */
  text: string;
  /** One paragraph: what a finding means to the people whose data it is. */
  why: string;
}

const RULES_FOLDER = join(import.meta.dirname, "rules");
export const PAGES_FOLDER = join(PROJECT_ROOT, "docs/access");
const HEADER = /^-- (.+)\n-- Severity: (\w+)\n/;
const RULE_FILE = /^(\d{4}_[a-z0-9_]+)\.sql$/;

/** Every rule, by number. Throws when one does not start with what it holds and how severe it is. */
export async function loadRules(): Promise<Rule[]> {
  const names = (await readdir(RULES_FOLDER)).flatMap((file) => RULE_FILE.exec(file)?.[1] ?? []).sort();
  return Promise.all(names.map(loadRule));
}

async function loadRule(name: string): Promise<Rule> {
  const sql = await readFile(join(RULES_FOLDER, `${name}.sql`), "utf8");
  const [, title, word] = HEADER.exec(sql) ?? [];
  const severity = SEVERITIES.find((known) => known === word);
  if (title === undefined || severity === undefined) {
    throw new Error(
      `The access rule '${name}' must start with a sentence and '-- Severity: ${SEVERITIES.join("|")}'`,
    );
  }
  return { name, title, severity, sql };
}

/** The pages of rules by the rules' names. For people: a deployment that only serves can do without `docs`. */
export async function loadRulePages(rules: readonly Rule[]): Promise<Map<string, RulePage>> {
  return new Map(await Promise.all(rules.map(async ({ name }) => [name, await loadPage(name)] as const)));
}

async function loadPage(name: string): Promise<RulePage> {
  const text = await readFile(join(PAGES_FOLDER, `${name}.md`), "utf8").catch((cause: unknown) => {
    throw new Error(`The access rule '${name}' has no page docs/access/${name}.md`, { cause });
  });
  return { text, why: section(text, "Why it matters") };
}

/** The text below one heading, in one line. */
function section(page: string, heading: string): string {
  const [, text = ""] = page.split(`## ${heading}\n`);
  return (text.split("\n## ")[0] ?? "").trim().replaceAll(/\s+/g, " ");
}
