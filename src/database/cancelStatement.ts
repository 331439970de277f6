import { connect } from "node:net";

import type { ClientBase } from "pg";

/** What a cancellation needs of node-postgres' client; the types leave the key out. */
interface Cancellable {
  host: string;
  port: number;
  processID: number | null;
  secretKey: number | null;
}

/** https://www.postgresql.org/docs/current/protocol-message-formats.html, CancelRequest */
const MESSAGE_LENGTH = 16;
const CANCEL_REQUEST = 80_877_102;
/** Milliseconds. */
const PATIENCE = 2_000;

/**
 * Asks the server to stop what a connection is doing, as the protocol has it: over a connection of its own, with the key
 * that the server gave to the first one. Resolves when the server has taken notice, or cannot be asked; never rejects.
 */
export async function cancelStatement(client: ClientBase): Promise<void> {
  const { host, port, processID, secretKey } = client as unknown as Cancellable;
  if (processID === null || secretKey === null) {
    return;
  }
  const message = Buffer.alloc(MESSAGE_LENGTH);
  message.writeInt32BE(MESSAGE_LENGTH, 0);
  message.writeInt32BE(CANCEL_REQUEST, 4);
  message.writeInt32BE(processID, 8);
  message.writeInt32BE(secretKey, 12);
  const { promise, resolve } = Promise.withResolvers<void>();
  const socket = connect(host.startsWith("/") ? { path: `${host}/.s.PGSQL.${port}` } : { host, port });
  socket.setTimeout(PATIENCE, () => socket.destroy());
  // The server closes the connection when it has passed the request on; only then may the other one be lent again.
  socket.on("error", () => undefined).once("close", () => resolve());
  // Not `end`: some poolers take half a connection for none. Nothing comes back, but unread the end is never seen.
  socket.resume().write(message);
  await promise;
}
