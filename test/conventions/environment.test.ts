import { readFileSync } from "node:fs";
import { join } from "node:path";

import { describe, expect, it } from "@jest/globals";

const ROOT = join(import.meta.dirname, "../..");
const read = (path: string) => readFileSync(join(ROOT, path), "utf8");
/** Where the environment is read: by group, for src/config.ts. */
const READERS = [
  "src/config.ts",
  "src/audit/parseAudit.ts",
  "src/auth/parseAuth.ts",
  "src/database/replicas/parseReplicas.ts",
  "src/exports/parseExports.ts",
  "src/http/parseApi.ts",
  "src/limits/parseLimits.ts",
  "src/mail/parseMail.ts",
  "src/outbound/parseOutbound.ts",
  "src/webhooks/parseWebhooks.ts",
];
/** Names in capitals that these read: as an argument of a reader, in a list, or from `env`. */
const VARIABLE = /"([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+|HOST|PORT|EXPLORER|INTROSPECTION)"|\benv\.([A-Z_]+)/g;

const variables = new Set(
  READERS.flatMap((file) => [...read(file).matchAll(VARIABLE)]).map(
    ([, quoted, fromEnv]) => quoted ?? fromEnv ?? "",
  ),
);
/** Not for people: graphile-migrate sets it for its actions. */
const INTERNAL = new Set(["GM_DBURL"]);
/** Spelled from another variable's name: the path of a file with its value. */
const FROM_FILES = new Set(["JWT_ISSUERS_FILE"]);

describe("every variable that is read", () => {
  it("is known to this test", () => {
    expect(variables.size).toBeGreaterThan(20);
    expect(variables).toContain("MAX_CONCURRENT_REQUESTS");
    expect(variables).toContain("OTEL_SDK_DISABLED");
  });

  it("is in docs/deployment.md", () => {
    const page = read("docs/deployment.md");
    expect([...variables].filter((name) => !page.includes(`\`${name}\``))).toEqual([]);
  });

  it("is in .env.example", () => {
    const lines = read(".env.example").split("\n");
    const missing = [...variables].filter((name) => !lines.some((line) => line.startsWith(`${name}=`)));
    expect(missing.filter((name) => !INTERNAL.has(name))).toEqual([]);
  });
});

describe("what is documented", () => {
  it("is read", () => {
    const documented = [...read("docs/deployment.md").matchAll(/^\| (`[^|]+`) +\|/gm)].flatMap(([, cell]) =>
      [...(cell ?? "").matchAll(/`([A-Z_]+)`/g)].map(([, name]) => name ?? ""),
    );
    expect(documented.length).toBeGreaterThan(20);
    expect(documented.filter((name) => !variables.has(name) && !FROM_FILES.has(name))).toEqual([]);
  });
});
