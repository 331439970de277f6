import type { Server, ServerOptions } from "node:http";
import type { AddressInfo } from "node:net";

export interface Listening {
  url: string;
  /** Stops accepting, lets running requests end, and after ten seconds no longer waits for them. */
  close: () => Promise<void>;
}

const DRAIN_TIMEOUT = 10_000;

/** How long a client may take to send its headers and its whole request, in milliseconds. */
export function makeHttpServerLimits(): ServerOptions {
  return {
    headersTimeout: 10_000,
    requestTimeout: 10_000,
    connectionsCheckingInterval: 1_000,
    // Longer than a proxy or client keeps an idle connection: whoever closes first may meet the other's next request.
    keepAliveTimeout: 65_000,
  };
}

/** Listens, and says in one sentence what to do if the address cannot be had. Port 0 takes any free one. */
export async function listen(
  server: Server,
  { host, port, sharesPort = false }: { host: string; port: number; sharesPort?: boolean },
): Promise<Listening> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", (error) => reject(explain(error, host, port)));
  // The kernel deals connections out: one that a process has not taken yet ends with it, and is not forgotten somewhere.
  server.listen({ host, port, exclusive: true, reusePort: sharesPort }, resolve);
  await promise;
  const { port: actualPort } = server.address() as AddressInfo;
  const name = host.includes(":") ? `[${host}]` : host;
  return { url: `http://${name}:${actualPort}`, close: () => closeServer(server) };
}

function explain(cause: NodeJS.ErrnoException, host: string, port: number): Error {
  if (cause.code === "EADDRINUSE") {
    return new Error(
      `Port ${port} on ${host} is taken by another program. Stop that program, or choose another port (PORT, ADMIN_PORT).`,
      { cause },
    );
  }
  return new Error(`Cannot listen on ${host}:${port} (${cause.code ?? cause.message}).`, { cause });
}

async function closeServer(server: Server): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  server.close(() => resolve());
  server.closeIdleConnections();
  const timer = setTimeout(() => server.closeAllConnections(), DRAIN_TIMEOUT);
  await promise.finally(() => clearTimeout(timer));
}
