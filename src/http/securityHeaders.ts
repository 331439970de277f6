import type { RequestHandler } from "express";

import { EXPLORER_ASSETS_PATH, EXPLORER_PATH } from "../preset.ts";

/** The explorer is a page of its own scripts and styles; it talks to this origin only, by HTTP and websocket. */
const EXPLORER_POLICY = [
  "default-src 'self'",
  "script-src 'self' 'unsafe-inline' 'unsafe-eval'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "font-src 'self' data:",
  "worker-src 'self' blob:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");
const API_POLICY = "default-src 'none'; frame-ancestors 'none'";

/** Whether a path belongs to the explorer. */
function isExplorerPath(path: string): boolean {
  return path === EXPLORER_PATH || path.startsWith(EXPLORER_ASSETS_PATH);
}

/** Headers that keep answers out of caches, frames and sniffing. */
export const setSecurityHeaders: RequestHandler = (request, response, next) => {
  const isPage = isExplorerPath(request.path);
  response.setHeader("Content-Security-Policy", isPage ? EXPLORER_POLICY : API_POLICY);
  response.setHeader("X-Content-Type-Options", "nosniff");
  response.setHeader("X-Frame-Options", "DENY");
  response.setHeader("Referrer-Policy", "no-referrer");
  response.setHeader("Cross-Origin-Opener-Policy", "same-origin");
  response.setHeader("Cross-Origin-Resource-Policy", "same-origin");
  if (!isPage) {
    // Answers hold patient data; no proxy or browser may keep them.
    response.setHeader("Cache-Control", "no-store");
  }
  if (request.secure) {
    response.setHeader("Strict-Transport-Security", "max-age=31536000");
  }
  next();
};
