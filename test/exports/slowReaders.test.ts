import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { get, type IncomingMessage } from "node:http";
import { join } from "node:path";

import { expect, it } from "@jest/globals";

import { AppError } from "../../src/errors/AppError.ts";
import { takeFile } from "../../src/exports/takeFile.ts";
import { useExportWorld } from "./exportWorld.ts";

const exports = useExportWorld((config) => ({ ...config, http: { ...config.http, maximumConcurrent: 1 } }));
const { db } = exports;
/** Larger than what sockets hold on their way. */
const SIZE = 64 * 1024 * 1024;

it("somebody who reads a file slowly takes no place of those who ask the API", async () => {
  const { here } = exports.world();
  const exportId = await exports.ask(here.provider);
  await exports.work();
  const content = Buffer.alloc(SIZE, "x");
  const sha256 = createHash("sha256").update(content).digest("hex");
  await writeFile(join(exports.folder(), `${exportId}-${sha256}`), content);
  await db.superuser.query(
    "update app_public.export_requests set byte_count = $2, content_sha256 = $3 where id = $1",
    [exportId, SIZE, sha256],
  );
  const { data } = await exports.link(here.provider, exportId);
  const request = get(`${exports.api.url}${data.createExportLink.result.path}`);
  try {
    // The headers have come, and nobody reads on: of 64 MB, most are still to be sent.
    const [response] = (await once(request, "response")) as [IncomingMessage];
    expect(response.headers["content-length"]).toBe(String(SIZE));
    response.pause();
    const answer = await exports.api.query(here.provider, "{ viewer { rowId } }");
    expect(answer.errors).toBeUndefined();
    expect(answer.data.viewer.rowId).toBe(here.provider.userId);
  } finally {
    request.destroy();
  }
});

it("a link waits for a connection where requests of the API do, and is refused as they are", async () => {
  const asked: string[] = [];
  const gate = {
    enter(line: string) {
      asked.push(line);
      return Promise.reject(new AppError("UNAVAILABLE"));
    },
  };
  const taking = takeFile({ pool: db.superuser, gate }, randomBytes(32).toString("hex"), null, () =>
    Promise.reject(new Error("There is nothing to open.")),
  );
  await expect(taking).rejects.toMatchObject({ code: "UNAVAILABLE" });
  expect(asked).toEqual([""]);
});
