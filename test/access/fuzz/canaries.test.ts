import { describe, expect, it } from "@jest/globals";

import { withoutEcho, withoutNews } from "../../../src/access/fuzz/answers.ts";
import { markersIn, uuidsIn } from "../../../src/access/fuzz/canaries.ts";
import { leaksIn } from "../../../src/access/fuzz/Findings.ts";
import type { FuzzRequest } from "../../../src/access/fuzz/RequestWriter.ts";

const MARKER = "cnry00az";
const ID = "0198c5d8-7d2e-7c1a-9f00-1f2e3d4c5b6a";
const base64 = (text: string) => Buffer.from(text).toString("base64");
const hex = (text: string) => Buffer.from(text).toString("hex");

describe("a canary", () => {
  it.each([
    ["as it is", `{"name":"Mrs ${MARKER} 1"}`],
    ["in capitals", MARKER.toUpperCase()],
    ["in a cursor", base64(JSON.stringify(["digest", MARKER]))],
    ["in the bytes of a binary value", base64(`${MARKER}\u0001\u0002\u0003\u0004`)],
    ["in hexadecimal digits", `\\x00${hex(MARKER)}`],
    ["in a cursor inside a cursor", base64(JSON.stringify([base64(JSON.stringify([MARKER]))]))],
  ])("is found %s", (_title, text) => {
    expect([...markersIn(text)]).toEqual([MARKER]);
  });

  it("is not found where there is none", () => {
    expect([...markersIn(`${base64("nothing of that kind")} canary ${ID}`)]).toEqual([]);
  });
});

it("finds an id inside a global id", () => {
  expect([...uuidsIn(base64(JSON.stringify(["Patient", ID])))]).toEqual([ID]);
});

describe("an answer", () => {
  const request = { title: "Query.patients", slots: [{ name: "v0" }] } as unknown as FuzzRequest;
  const canary = { marker: MARKER, column: "app_public.patients.family_name", isReadable: true, rows: 1 };
  const secrets = { canaries: new Map([[MARKER, canary]]), foreignIds: new Set([ID]) };
  const data = {
    __typename: "Query",
    patients__0: { __typename: "Patient", familyName: `${MARKER} 1`, rowId: ID },
  };
  const leaks = (variables: object) =>
    leaksIn(
      { data, text: JSON.stringify({ data }) },
      request,
      { ...variables },
      { name: "provider", actor: null },
      secrets,
    );

  it("names field, person and column of what leaks", () => {
    expect(leaks({})).toEqual([
      expect.objectContaining({ kind: "canary", field: "Patient.familyName", person: "provider" }),
      expect.objectContaining({ kind: "id", field: "Patient.rowId" }),
    ]);
    expect(leaks({})[0]?.detail).toContain("app_public.patients.family_name");
  });

  it("may say what the request said, and nothing else", () => {
    expect(leaks({ v0: ID })).toEqual([expect.objectContaining({ kind: "canary" })]);
  });

  it("is the same for two ids when it only repeats them", () => {
    const other = ID.replaceAll("0", "1");
    const answer = (id: string) => `{"node":"${base64(JSON.stringify(["Patient", id]))}","id":"${id}"}`;
    const bare = (id: string) => withoutNews(withoutEcho(answer(id), { v0: id }));
    expect(bare(ID)).toBe(bare(other));
  });

  it("is another one when it has another error", () => {
    const bare = (code: string) => withoutNews(withoutEcho(`{"code":"${code}","id":"${ID}"}`, { v0: ID }));
    expect(bare("CONFLICT")).not.toBe(bare("NOT_FOUND"));
  });
});
