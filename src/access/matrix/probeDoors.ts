import { randomUUID } from "node:crypto";

import { type Client, escapeLiteral } from "pg";

import type { FullWorld } from "../world/fullWorld.ts";
import type { MatrixActor } from "./actors.ts";
import type { MatrixLine } from "./matrixLine.ts";
import { runStatements } from "./runStatements.ts";
import { failure, type ProbedDatabase, share } from "./sights.ts";

/** A call of a function that opens rows which no policy shows to whoever calls it. */
interface Call {
  door: string;
  relation: string;
  sql: string;
  /** How many rows it may give at most. */
  whole: number;
}

const SHARES = "app_vault.healthcare_shares";

/** Opens shares of the vault as the actor: by the clinic that they were given to, and by a link. */
export async function probeDoors(
  client: Client,
  actor: MatrixActor,
  database: ProbedDatabase,
  { shareToken }: FullWorld,
): Promise<MatrixLine[]> {
  const calls = [...openShare(actor, database), ...redeemShare(shareToken)];
  const answers = await runStatements(
    client,
    calls.map(({ sql }) => ({ sql: "", asks: `select to_jsonb(count(*)) from ${sql}` })),
  );
  const tried = calls.map((call, index) => ({ ...call, answer: answers[index] }));
  return [...Map.groupBy(tried, ({ door, relation }) => `${door} ${relation}`).values()].map((group) => {
    const [{ door, relation } = { door: "", relation: "" }] = group;
    const opened = group.filter(({ answer, whole }) => Number(answer?.value ?? 0) === whole);
    const failed = group.find(({ answer }) => answer?.state);
    const outcome =
      opened.length === 0 && failed?.answer ? failure(failed.answer) : share(opened.length, group.length);
    return { table: door, command: "call", relation, who: actor.who, outcome };
  });
}

function openShare({ userId, place }: MatrixActor, { tables, rows, relations }: ProbedDatabase): Call[] {
  const table = tables.find(({ name }) => name === SHARES);
  const from = { ...relations.placeOf(userId), ...place };
  return (rows.get(SHARES) ?? []).flatMap((row) => {
    const records = rows.get("app_vault.healthcare_share_records") ?? [];
    const id = String(row.id);
    return table === undefined
      ? []
      : {
          door: "app_vault.open_share",
          relation: relations.relationOf(table, row, from),
          sql: `app_vault.open_share(${escapeLiteral(id)})`,
          whole: records.filter(({ share_id: shareId }) => shareId === id).length,
        };
  });
}

function redeemShare(token: string): Call[] {
  const call = (value: string) => `app_vault.redeem_share(${escapeLiteral(value)})`;
  const door = "app_vault.redeem_share";
  return [
    { door, relation: "with its token", sql: call(token), whole: 1 },
    { door, relation: "without it", sql: call(randomUUID()), whole: 1 },
  ];
}
