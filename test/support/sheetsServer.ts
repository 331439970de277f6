import { generateKeyPairSync } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

import { afterAll, beforeAll } from "@jest/globals";
import jwt from "jsonwebtoken";

type Cell = string | number;

/** One tab of a spreadsheet: what a person would see, from row 1 on. */
export interface TestTab {
  title: string;
  rows: Cell[][];
  /** How many rows it is long, empty ones included. */
  length: number;
}

export interface SheetsServer {
  readonly url: string;
  /** Tabs by spreadsheet. */
  readonly spreadsheets: Map<string, TestTab[]>;
  /** Method and path of every request, in order. */
  readonly requests: string[];
  /** What the requests' bodies said, in order. */
  readonly bodies: string[];
  /** The key file of the service account that may edit. */
  readonly keyFile: string;
  /** Answers the request after the next `count` with this status, once. */
  failAfter(count: number, status: number): void;
}

const EMAIL = "sync@test.iam.gserviceaccount.example";
const TOKEN = "canary-google-access-token";

/** Speaks as much of OAuth 2 and the Sheets API v4 as a sync asks for, with its limits: a row outside the sheet is refused. */
export function useSheetsServer(): SheetsServer {
  const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const key = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
  const spreadsheets = new Map<string, TestTab[]>();
  const requests: string[] = [];
  const bodies: string[] = [];
  let failure: { after: number; status: number } | null = null;
  const server = createServer((request, response) => {
    void readBody(request).then((body) => {
      const url = new URL(request.url ?? "/", "http://localhost");
      requests.push(`${request.method} ${decodeURIComponent(url.pathname)}`);
      bodies.push(body);
      if (failure !== null && failure.after-- === 0) {
        const { status } = failure;
        failure = null;
        return reply(response, status, { error: { code: status, message: "canary-google-message" } });
      }
      if (url.pathname === "/token") {
        jwt.verify(new URLSearchParams(body).get("assertion") ?? "", publicKey, { issuer: EMAIL });
        return reply(response, 200, { access_token: TOKEN, expires_in: 3600, token_type: "Bearer" });
      }
      if (request.headers.authorization !== `Bearer ${TOKEN}`) {
        return reply(response, 401, { error: { code: 401 } });
      }
      const { status, answer } = serve(spreadsheets, request.method, url, body);
      return reply(response, status, answer);
    });
  });
  beforeAll(() => new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve)));
  afterAll(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  return {
    get url() {
      return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    },
    spreadsheets,
    requests,
    bodies,
    // The addresses in it are what a hostile tenant would write.
    keyFile: JSON.stringify({
      type: "service_account",
      client_email: EMAIL,
      private_key: key,
      token_uri: "http://169.254.169.254/token",
      universe_domain: "evil.example",
    }),
    failAfter: (after, status) => void (failure = { after, status }),
  };
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) {
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function reply(response: ServerResponse, status: number, answer: unknown): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(answer));
}

interface Answer {
  status: number;
  answer: unknown;
}

const ok = (answer: unknown = {}): Answer => ({ status: 200, answer });
const refused = (message: string): Answer => ({ status: 400, answer: { error: { code: 400, message } } });

function serve(
  spreadsheets: ReadonlyMap<string, TestTab[]>,
  method: string | undefined,
  url: URL,
  body: string,
): Answer {
  const [, id = "", action = ""] =
    /^\/v4\/spreadsheets\/([\w-]+)(.*)$/.exec(decodeURIComponent(url.pathname)) ?? [];
  const tabs = spreadsheets.get(id);
  if (tabs === undefined) {
    return { status: 404, answer: { error: { code: 404 } } };
  }
  const input = body === "" ? {} : JSON.parse(body);
  const known = `${method} ${action.replace(/^\/values\/.*$/, "/values/RANGE")}`;
  const written = (ranges: { range: string; values: Cell[][] }[]) => {
    const refusals = ranges.map(({ range, values }) => write(rangeOf(tabs, range), values));
    return refusals.includes(false) ? refused("Range exceeds grid limits.") : ok();
  };
  switch (known) {
    case "GET ":
      return ok({
        sheets: tabs.map(({ title, length }, sheetId) => ({
          properties: { sheetId, title, gridProperties: { rowCount: length, columnCount: 26 } },
        })),
      });
    case "POST :batchUpdate":
      for (const { appendDimension } of input.requests) {
        tabs[appendDimension.sheetId]!.length += appendDimension.length;
      }
      return ok();
    case "GET /values/RANGE":
      return ok({ values: read(rangeOf(tabs, action.slice("/values/".length))) });
    case "PUT /values/RANGE":
      return written([{ range: action.slice("/values/".length), values: input.values }]);
    case "POST /values:batchUpdate":
      return input.valueInputOption === "RAW" ? written(input.data) : refused("valueInputOption");
    case "POST /values:batchClear":
      return written(input.ranges.map((range: string) => ({ range, values: [[]] })));
    default:
      return refused(known);
  }
}

interface Range {
  tab: TestTab;
  columns: number;
  first: number;
  last: number;
}

function rangeOf(tabs: readonly TestTab[], text: string): Range {
  const [, title = "", first = "1", lastColumn = "A", last = ""] =
    /^'((?:[^']|'')*)'!A(\d+):([A-Z])(\d*)$/.exec(text) ?? [];
  const tab = tabs.find((candidate) => candidate.title === title.replaceAll("''", "'"));
  if (tab === undefined) {
    throw new Error(`There is no sheet in ${text}`);
  }
  const columns = lastColumn.charCodeAt(0) - "A".charCodeAt(0) + 1;
  return { tab, columns, first: Number(first), last: last === "" ? tab.length : Number(last) };
}

/** As Google does it: without the empty cells and rows at the end. */
function read({ tab, columns, first, last }: Range): Cell[][] | undefined {
  const rows = tab.rows.slice(first - 1, last).map((row) => row.slice(0, columns));
  const length = rows.findLastIndex((row) => row.some((cell) => cell !== "")) + 1;
  return length === 0 ? undefined : rows.slice(0, length);
}

/** False outside of the sheet. */
function write({ tab, first, last }: Range, values: readonly Cell[][]): boolean {
  if (last > tab.length) {
    return false;
  }
  values.forEach((row, index) => {
    while (tab.rows.length < first + index) {
      tab.rows.push([]);
    }
    tab.rows[first - 1 + index] = [...row];
  });
  return true;
}
