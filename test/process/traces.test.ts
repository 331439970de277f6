import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

import { expect, it, jest } from "@jest/globals";

import { createWorld } from "../../src/access/world/world.ts";
import { signToken } from "../../src/auth/signToken.ts";
import { useTestDatabase } from "../support/database.ts";
import { ServeProcess } from "../support/ServeProcess.ts";
import { eventually } from "./bailiwickProcess.ts";

jest.setTimeout(300_000);

const db = useTestDatabase();
const TRACE = "0af7651916cd43dd8448eb211c80319c";
const CANARY = "7f3c7f3c-0000-4000-8000-00000000beef";

interface Span {
  name: string;
  traceId: string;
  spanId: string;
  parentSpanId?: string;
}

/** What an OpenTelemetry collector is sent, as JSON. */
interface Export {
  resourceSpans: { scopeSpans: { spans: Span[] }[] }[];
}

it("go to the collector that OTEL_* names, as one tree below the caller's span, without a value", async () => {
  const world = await createWorld(db.superuser);
  const bodies: string[] = [];
  const collector = createServer((request, response) => {
    let body = "";
    request.setEncoding("utf8").on("data", (piece: string) => (body += piece));
    request.on("end", () => {
      if (request.url === "/v1/traces") {
        bodies.push(body);
      }
      response.writeHead(200, { "Content-Type": "application/json" }).end("{}");
    });
  }).listen(0, "127.0.0.1");
  await once(collector, "listening");
  const process = new ServeProcess(db.config, db.urls.gateway, {
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${(collector.address() as AddressInfo).port}`,
    OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
    OTEL_BSP_SCHEDULE_DELAY: "100",
    OTEL_METRICS_EXPORTER: "none",
    OTEL_LOGS_EXPORTER: "none",
    DRAIN_DELAY: "0",
  });
  try {
    const { url } = await process.addresses();
    const response = await fetch(`${url}/graphql`, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        authorization: `Bearer ${signToken(db.config.auth, world.here.provider)}`,
        traceparent: `00-${TRACE}-b7ad6b7169203331-01`,
        "user-agent": CANARY,
      },
      body: JSON.stringify({
        query: `query Traced { patients(filter: { rowId: { equalTo: "${CANARY}" } }) { nodes { rowId } } }`,
      }),
    });
    expect(await response.json()).toEqual({ data: { patients: { nodes: [] } } });
    const spans = () =>
      bodies
        .flatMap((body) => (JSON.parse(body) as Export).resourceSpans)
        .flatMap(({ scopeSpans }) => scopeSpans.flatMap((scope) => scope.spans))
        .filter(({ traceId }) => traceId === TRACE);
    await eventually(() => spans().some(({ name }) => name === "http POST"));
    const found = spans();
    const http = found.find(({ name }) => name === "http POST");
    const graphql = found.find(({ name }) => name === "graphql query");
    expect(http?.parentSpanId).toBe("b7ad6b7169203331");
    expect(found.map(({ name }) => name)).toContain("graphql query");
    expect(graphql?.parentSpanId).toBe(http?.spanId);
    const statements = found.filter(({ name }) => name.startsWith("postgres "));
    expect(statements.map(({ name }) => name)).toEqual(
      expect.arrayContaining(["postgres BEGIN", "postgres SELECT", "postgres COMMIT"]),
    );
    expect(bodies.join("")).not.toContain(CANARY);
    expect(bodies.join("")).not.toContain(world.here.provider.userId);
    expect(process.lines.find(({ msg }) => msg === "request")).toMatchObject({ traceId: TRACE });
    expect(await process.stop()).toBe(0);
  } finally {
    await process.stop("SIGKILL");
    collector.close();
    collector.closeAllConnections();
  }
});
