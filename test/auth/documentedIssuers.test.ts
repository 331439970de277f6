import { readFileSync } from "node:fs";
import { join } from "node:path";

import { describe, expect, it } from "@jest/globals";

import { parseConfig } from "../../src/config.ts";

const PAGE = readFileSync(join(import.meta.dirname, "../../docs/authentication.md"), "utf8");
const examples = [...PAGE.matchAll(/```json\n(.*?)```/gs)].map(([, text = ""]) => text);
const configured = (JWT_ISSUERS: string) =>
  parseConfig({ NODE_ENV: "test", DATA_DIR: "/nonexistent", JWT_ISSUERS }).auth.outside;

describe("the issuers in docs/authentication.md", () => {
  it("are one of each kind", () => {
    const kinds = examples.map((text) => (JSON.parse(text) as { kind?: string }[])[0]?.kind ?? "oidc");
    expect(kinds).toEqual(["clerk", "supabase", "oidc"]);
  });

  it.each(examples)("can be configured as they stand: %s", (text) => {
    const [given] = JSON.parse(text) as { issuer: string }[];
    expect(configured(text)).toEqual([expect.objectContaining({ issuer: given?.issuer })]);
  });

  it("are refused with a word too many", () => {
    const [first = ""] = examples;
    expect(() => configured(first.replace('"createsUsers"', '"createUsers"'))).toThrow(/createUsers/);
  });
});
