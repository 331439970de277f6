import { beforeAll, describe, expect, it } from "@jest/globals";

import { createPerson } from "../../src/access/world/people.ts";
import { useTestDatabase } from "../support/database.ts";
import { queuedJobs, runJobs } from "../support/jobs.ts";

const db = useTestDatabase();

beforeAll(async () => {
  const { userId } = await createPerson(db.superuser);
  await db.superuser.query(
    `insert into app_private.idempotent_answers (user_id, key_hash, request_hash, sealed_answer, expires_at)
     select $1, sha256(n::text::bytea), sha256('x'), decode(repeat('00', 28), 'hex'), now() + make_interval(hours => n)
     from generate_series(-2, 2) n`,
    [userId],
  );
});

describe("request__forget_answers", () => {
  it("deletes the answers whose day is over, and no others", async () => {
    await db.superuser.query("select graphile_worker.add_job('request__forget_answers', '{}')");
    await runJobs(db);
    expect(await queuedJobs(db)).toEqual([]);
    const { rows } = await db.superuser.query(
      "select count(*)::int as count, min(expires_at) > now() as fresh from app_private.idempotent_answers",
    );
    expect(rows).toEqual([{ count: 2, fresh: true }]);
  });
});
