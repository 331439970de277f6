import { constants } from "node:buffer";
import {
  appendFileSync,
  closeSync,
  ftruncateSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { Readable } from "node:stream";

import { afterAll, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import { pino } from "pino";

import { createClinic, createOrganization, createPatient } from "../../src/access/world/people.ts";
import { type Anchor, appendAnchor, lastAnchor, readAnchors } from "../../src/audit/anchors.ts";
import { sealAll, startSealer } from "../../src/audit/startSealer.ts";
import { collectGarbage } from "../support/collectGarbage.ts";
import { useTestDatabase } from "../support/database.ts";
import { useEvidence } from "./evidence.ts";

const db = useTestDatabase();
const evidence = useEvidence(db);
const folder = mkdtempSync(join(tmpdir(), "bailiwick-anchors-"));
const file = join(folder, "anchors.jsonl");
afterAll(() => rmSync(folder, { recursive: true }));
beforeEach(() => rmSync(file, { force: true }));
let own: Anchor[] = [];

beforeAll(async () => {
  const clinic = await createClinic(db.superuser, await createOrganization(db.superuser, "Acme"));
  for (let checkpoint = 0; checkpoint < 3; checkpoint++) {
    await createPatient(db.superuser, clinic);
    await evidence.sealEverything();
  }
  own = await allAnchors(evidence.anchorFile);
});

const collect = (anchors: AsyncIterable<Anchor>) => Readable.from(anchors).toArray() as Promise<Anchor[]>;
const allAnchors = (path: string) => collect(readAnchors(path));
const anchorOfNumber = (sequence: number) => ({ ...(own[0] as Anchor), sequence: String(sequence) });
const line = (sequence: number) => `${JSON.stringify(anchorOfNumber(sequence))}\n`;
const lines = (count: number) => Array.from({ length: count }, (_, index) => line(index + 1)).join("");

describe("a file of anchors", () => {
  it.each<[string, () => string, string | undefined]>([
    ["that is empty", () => "", undefined],
    ["with nothing but the beginning of a line", () => '{"sequence":"9', undefined],
    ["with one line", () => line(1), "1"],
    ["whose last line lacks its end only", () => lines(2).trimEnd(), "2"],
    ["whose last line is cut off", () => lines(2).slice(0, -9), "1"],
    ["with a line that was cut off before the last", () => `${lines(2).slice(0, -9)}\n${line(3)}`, "3"],
    ["with empty lines at its end", () => `${lines(2)}\n\n`, "2"],
    ["of many blocks", () => lines(500), "500"],
    ["of many blocks whose last line is cut off", () => lines(500).slice(0, -9), "499"],
    [
      "whose last lines are cut off, over many blocks",
      () => lines(3) + line(4).slice(0, 99).repeat(3000),
      "3",
    ],
  ])("%s has the same last anchor from its end as from its beginning", async (_title, content, expected) => {
    writeFileSync(file, content());
    expect(lastAnchor(file)?.sequence).toBe(expected);
    expect((await allAnchors(file)).at(-1)?.sequence).toBe(expected);
  });

  it("that is not there has no anchors, and is made by the first", async () => {
    expect(lastAnchor(file)).toBeUndefined();
    expect(await allAnchors(file)).toEqual([]);
    appendAnchor(file, anchorOfNumber(1));
    expect(lastAnchor(file)?.sequence).toBe("1");
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  it.each<[string, () => object | number]>([
    ["a number", () => 7],
    ["an object of something else", () => ({})],
    ["an anchor without its checkpoint", () => ({ ...anchorOfNumber(2), sequence: undefined })],
    ["an anchor of a checkpoint that there cannot be", () => anchorOfNumber(-2)],
    ["an anchor whose hash is none", () => ({ ...anchorOfNumber(2), hash: "00" })],
  ])("with a line that is %s is refused from both ends: no crash wrote it", async (_title, written) => {
    const refusal = `'${file}' has a line that is no anchor`;
    writeFileSync(file, `${line(1)}${JSON.stringify(written())}\n`);
    expect(() => lastAnchor(file)).toThrow(refusal);
    await expect(allAnchors(file)).rejects.toThrow(refusal);
  });

  it("that was cut off keeps what it has as a line of its own", () => {
    writeFileSync(file, `${line(1)}{"sequence":"2`);
    appendAnchor(file, anchorOfNumber(2));
    appendAnchor(file, anchorOfNumber(3));
    expect(
      readFileSync(file, "utf8")
        .split("\n")
        .map((text) => text.slice(0, 15)),
    ).toEqual(['{"sequence":"1"', '{"sequence":"2', '{"sequence":"2"', '{"sequence":"3"', ""]);
  });

  it("that is longer than any string can be is appended to, and read from both ends", async () => {
    writeFileSync(file, line(1));
    // A hole: it takes no room on the disk.
    const descriptor = openSync(file, "r+");
    ftruncateSync(descriptor, constants.MAX_STRING_LENGTH + 1);
    closeSync(descriptor);
    appendFileSync(file, `\n${line(2)}`);
    appendAnchor(file, anchorOfNumber(3));
    expect(lastAnchor(file)?.sequence).toBe("3");
    for await (const first of readAnchors(file)) {
      expect(first).toEqual(anchorOfNumber(1));
      break;
    }
    expect.assertions(2);
  });

  it("is read as it is at the moment of the call: what comes later may be of what the reader does not see", async () => {
    writeFileSync(file, line(1));
    const anchors = readAnchors(file);
    appendAnchor(file, anchorOfNumber(2));
    expect((await collect(anchors)).map(({ sequence }) => sequence)).toEqual(["1"]);
    expect((await allAnchors(file)).map(({ sequence }) => sequence)).toEqual(["1", "2"]);
  });
});

describe("the sealer", () => {
  it("goes on over a file that is longer than any string can be", async () => {
    const content = readFileSync(evidence.anchorFile);
    try {
      const descriptor = openSync(evidence.anchorFile, "r+");
      ftruncateSync(descriptor, constants.MAX_STRING_LENGTH + 1);
      closeSync(descriptor);
      appendFileSync(evidence.anchorFile, Buffer.concat([Buffer.from("\n"), content]));
      await createOrganization(db.superuser, "More");
      await evidence.sealEverything();
      expect(lastAnchor(evidence.anchorFile)?.sequence).toBe(String(own.length + 1));
    } finally {
      rmSync(evidence.anchorFile);
      await evidence.seal();
    }
  });

  it("writes the file that somebody removed anew, and says so once", async () => {
    const seal = () => sealAll(evidence.pool, evidence.key(), evidence.anchorFile);
    expect(await seal()).toMatchObject({ rewritten: 0 });
    rmSync(evidence.anchorFile);
    const { rewritten } = await seal();
    const anchors = await allAnchors(evidence.anchorFile);
    expect(anchors.slice(0, own.length)).toEqual(own);
    expect(rewritten).toBe(anchors.length);
    expect(await seal()).toMatchObject({ rewritten: 0 });
  });

  it("says in the log that it wrote the file anew", async () => {
    rmSync(evidence.anchorFile);
    const { promise: warning, resolve } = Promise.withResolvers<string>();
    const sealer = startSealer(
      {
        environment: "test",
        audit: {
          keyFolder: evidence.keyFolder,
          anchorFolder: dirname(evidence.anchorFile),
          exportFolder: null,
          sealInterval: 100,
        },
      },
      { url: db.urls.sealer, logger: pino({ level: "warn" }, { write: resolve }) },
    );
    try {
      expect(JSON.parse(await warning)).toMatchObject({
        anchors: expect.any(Number),
        msg: expect.stringContaining("written anew from the database"),
      });
    } finally {
      await sealer.close();
    }
  });
});

describe("a verification", () => {
  const COUNT = 5000;
  const many = function* (...last: Partial<Anchor>[]) {
    for (let index = 0; index < COUNT; index++) {
      yield { ...(own[index % own.length] as Anchor) };
    }
    yield* last.map((changes) => ({ ...(own[0] as Anchor), ...changes }));
  };

  it("passes with any number of anchors, in any order, and says how many there were", async () => {
    const { problem, anchors } = await evidence.verify({ anchors: many() });
    expect(problem).toBeNull();
    expect(anchors).toEqual({ count: COUNT, newest: own.at(-1)?.sequence });
  });

  it("names the lowest checkpoint that an anchor knows otherwise, wherever it stands", async () => {
    const anchors = many({ sequence: "3", hash: "00" }, { sequence: "2", hash: "00" });
    const { problem, checkpoints } = await evidence.verify({ anchors });
    expect(problem).toMatchObject({ checkpoint: "2", message: expect.stringMatching(/another checkpoint/) });
    expect(checkpoints).toBe(1);
  });

  it("names the first anchor that is newer than the database", async () => {
    const { problem } = await evidence.verify({ anchors: many({ sequence: "999" }, { sequence: "998" }) });
    expect(problem).toMatchObject({ checkpoint: "999", message: expect.stringMatching(/rolled back/) });
  });

  it("holds a part of the anchors at a time", async () => {
    const given: WeakRef<Anchor>[] = [];
    let held = 0;
    const anchors = function* () {
      for (const anchor of many()) {
        given.push(new WeakRef(anchor));
        yield anchor;
      }
      collectGarbage();
      held = given.filter((reference) => reference.deref()).length;
    };
    expect((await evidence.verify({ anchors: anchors() })).problem).toBeNull();
    expect(given).toHaveLength(COUNT);
    expect(held).toBeLessThan(COUNT / 2);
  });
});
