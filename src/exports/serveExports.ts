import type { FileHandle } from "node:fs/promises";
import { pipeline } from "node:stream/promises";

import { type RequestHandler, type Response, Router } from "express";

import type { Config } from "../config.ts";
import { AppError } from "../errors/AppError.ts";
import { assertMethod } from "../http/assertMethod.ts";
import type { Door } from "../http/openDoor.ts";
import { openExportFile } from "./exportFiles.ts";
import { type LinkConnections, noSuchLink, takeFile, type Taken } from "./takeFile.ts";

const TOKEN = /^[0-9a-f]{64}$/;
const CONTENT_TYPES: Readonly<Record<Taken["format"], string>> = {
  csv: "text/csv; charset=utf-8",
  html: "text/html; charset=utf-8",
  ndjson: "application/x-ndjson; charset=utf-8",
};
/** Milliseconds in which a reader has to take something. */
const IDLE = 60_000;

/** How many read, and for how long, in milliseconds: none of them holds up what a request of the API needs. */
export interface DownloadLimits {
  atOnce: number;
  patience: number;
}

const LIMITS: DownloadLimits = { atOnce: 100, patience: 30 * 60_000 };

interface Parts {
  connections: LinkConnections;
  door: Pick<Door, "clientAddress" | "hashClient">;
  /** Gives back the place that the request has among those of the API. */
  leave(response: Response): void;
}

/**
 * `GET /TOKEN`: a file of an export or a report, by a link of `createExportLink` or `createReportLink`. One answer, 404, for
 * every link that does not work. While a file is sent, however slowly it is read, its request takes no place of another one.
 */
export function makeExports(
  { exports: { folder } }: Pick<Config, "exports">,
  { connections, door, leave }: Parts,
  { atOnce, patience } = LIMITS,
): Router {
  let running = 0;
  const send: RequestHandler = async (request, response) => {
    const token = request.params.token;
    assertMethod(request, response, ["GET"]);
    if (typeof token !== "string" || !TOKEN.test(token)) {
      throw noSuchLink();
    }
    if (running >= atOnce) {
      throw new AppError("UNAVAILABLE");
    }
    running++;
    try {
      const client = door.hashClient(door.clientAddress(request), request.headers["user-agent"]);
      const { file, taken } = await takeFile(connections, token, client, (fileId, found) =>
        openWhole(folder, fileId, found),
      );
      describe(response, taken);
      leave(response);
      response.setTimeout(IDLE, () => response.destroy());
      const signal = AbortSignal.timeout(patience);
      await pipeline(file.createReadStream(), response, { signal }).catch((error: NodeJS.ErrnoException) => {
        // A client that leaves, or that we show out, is no failure of ours.
        if (error.code !== "ERR_STREAM_PREMATURE_CLOSE" && !signal.aborted) {
          throw error;
        }
      });
    } finally {
      running--;
    }
  };
  return Router().all("/:token", send);
}

async function openWhole(
  folder: string,
  fileId: string,
  { content_sha256: sha256, byte_count }: Taken,
): Promise<FileHandle> {
  const file = await openExportFile(folder, { exportId: fileId, sha256, byteCount: Number(byte_count) });
  if (file === null) {
    throw new AppError("INTERNAL", undefined, {
      cause: new Error(`The file '${fileId}' is not (whole) in EXPORT_FOLDER.`),
    });
  }
  return file;
}

function describe(
  response: Response,
  { kind, format, byte_count, content_sha256, formatted_at }: Taken,
): void {
  const day = formatted_at.toISOString().slice(0, 10);
  const digest = Buffer.from(content_sha256, "hex").toString("base64");
  response.setHeader("Content-Type", CONTENT_TYPES[format]);
  response.setHeader("Content-Length", byte_count);
  // Never shown at this address: what a page could do here, it does at home.
  response.setHeader("Content-Disposition", `attachment; filename="${kind}-${day}.${format}"`);
  response.setHeader("Repr-Digest", `sha-256=:${digest}:`);
}
