import type { RequestHandler } from "express";

import type { Identity } from "../auth/authenticate.ts";
import type { NoteClient } from "../auth/noteClient.ts";

/** Puts on record from where a session is used, before its request reads anything. */
export function makeNoteRequestClient(
  noteClient: NoteClient,
  identities: WeakMap<object, Identity>,
): RequestHandler {
  return async (request, _response, next) => {
    const identity = identities.get(request);
    if (identity) {
      await noteClient(identity);
    }
    next();
  };
}
