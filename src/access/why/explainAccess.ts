import { randomUUID } from "node:crypto";

import type { ClientBase } from "pg";

import { pgSettings } from "../../auth/pgSettings.ts";
import type { RequestScope } from "../../auth/requestScope.ts";
import { type AccessCommand, judgeAccess, type Verdict } from "./judgeAccess.ts";
import { findPersonAsked } from "./personAsked.ts";
import { findRowAsked } from "./rowAsked.ts";

export interface AccessAsked {
  /** An id, an e-mail address, a demo person's first name, or `anonymous`. */
  person: string;
  /** One node id, or a table and an id. */
  row: string[];
  command: AccessCommand;
  /** What the request's headers would say. */
  scope: RequestScope;
}

export interface Explanation extends Verdict {
  person: string;
  id: string;
  scope: RequestScope;
}

/**
 * Says whether a person may do something with a row, and which policies, grants and facts make it so.
 *
 * @param client an administrative connection outside of any transaction; nothing is written.
 * @throws when there is no such person, table or row.
 */
export async function explainAccess(client: ClientBase, asked: AccessAsked): Promise<Explanation> {
  await client.query("begin isolation level repeatable read read only");
  try {
    const { name, claims } = await findPersonAsked(client, asked.person);
    const { table, id, literal } = await findRowAsked(client, asked.row);
    const settings = pgSettings(claims, asked.scope, randomUUID());
    const [verdict] = await judgeAccess(client, {
      table,
      command: asked.command,
      rows: [literal],
      settings,
      withEvidence: true,
    });
    return { ...(verdict as Verdict), person: name, id, scope: asked.scope };
  } finally {
    await client.query("rollback");
  }
}
