import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

import { afterAll, beforeAll } from "@jest/globals";

export interface ReceivedRequest {
  method: string | undefined;
  path: string | undefined;
  headers: IncomingMessage["headers"];
  body: string;
}

export interface TestReceiver {
  /** `http://127.0.0.1:…`, once the tests run. */
  readonly url: string;
  /** What has come in, in order. */
  readonly requests: ReceivedRequest[];
  /** How the next requests are answered; with 204 unless told. */
  answer(work: (response: ServerResponse, request: ReceivedRequest) => void): void;
}

/** Networks that a test lets requests go to. */
export const LOOPBACK = ["127.0.0.0/8", "::1/128"];

/** A server on this machine that keeps what it is sent. */
export function useReceiver(): TestReceiver {
  const requests: ReceivedRequest[] = [];
  const noContent = (response: ServerResponse) => void response.writeHead(204).end();
  let answer: (response: ServerResponse, request: ReceivedRequest) => void = noContent;
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const { method, url: path, headers } = request;
      const received = { method, path, headers, body: Buffer.concat(chunks).toString("utf8") };
      requests.push(received);
      answer(response, received);
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
    requests,
    answer: (work) => void (answer = work),
  };
}
