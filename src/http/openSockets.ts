import { WebSocket } from "ws";

import type { AccessChange } from "../auth/accessChanges.ts";
import type { Claims } from "../auth/claims.ts";

/** Close codes of graphql-ws; its client signs in again after the first and only connects again after the others. */
const CLOSE_UNAUTHORIZED = 4401;
const CLOSE_FORBIDDEN = 4403;
const CLOSE_TRY_AGAIN = 1013;
/** A client that does not answer the closing of its socket loses it without. Milliseconds. */
const PATIENCE = 1000;

/** The websockets of people who are signed in, so that they end with the rights they stand on. */
export interface OpenSockets {
  /** Closes the socket when its token expires, and when what its bearer may do becomes less. */
  watch(socket: WebSocket, claims: Claims): void;
  /** Closes the sockets that a change concerns. */
  apply(change: AccessChange): void;
  /** Closes all of them: changes may have gone unheard. */
  closeAll(): void;
}

export function makeOpenSockets(): OpenSockets {
  const sockets = new Map<WebSocket, Claims>();
  return {
    watch(socket, claims) {
      if (socket.readyState !== WebSocket.OPEN) {
        return;
      }
      sockets.set(socket, claims);
      const timer = setTimeout(
        () => closeFirmly(socket, CLOSE_UNAUTHORIZED, "UNAUTHENTICATED: The access token has expired."),
        Math.max(0, claims.expiresAt * 1000 - Date.now()),
      );
      timer.unref();
      socket.once("close", () => {
        clearTimeout(timer);
        sockets.delete(socket);
      });
    },
    apply({ sessionId, userId, ended }) {
      for (const [socket, claims] of sockets) {
        if (claims.userId !== userId && (sessionId === null || claims.sessionId !== sessionId)) {
          continue;
        }
        if (ended) {
          closeFirmly(socket, CLOSE_UNAUTHORIZED, "SESSION_REVOKED: This session has ended. Sign in again.");
        } else {
          closeFirmly(socket, CLOSE_FORBIDDEN, "FORBIDDEN: What you may do has changed. Connect again.");
        }
      }
    },
    closeAll() {
      for (const socket of sockets.keys()) {
        closeFirmly(socket, CLOSE_TRY_AGAIN, "UNAVAILABLE: Connect again in a moment.");
      }
    },
  };
}

function closeFirmly(socket: WebSocket, code: number, reason: string): void {
  socket.close(code, reason);
  const timer = setTimeout(() => socket.terminate(), PATIENCE);
  timer.unref();
  socket.once("close", () => clearTimeout(timer));
}
