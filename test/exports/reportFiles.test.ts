import { readdir, utimes } from "node:fs/promises";
import { join } from "node:path";

import { beforeAll, describe, expect, it } from "@jest/globals";
import { parse } from "csv-parse/sync";

import type { Actor } from "../support/database.ts";
import { addJob, count } from "../tasks/organizationWork.ts";
import { useExportWorld } from "./exportWorld.ts";

const exports = useExportWorld();
const { db } = exports;
const DAY = "2026-03-05";

/** The week's report of the clinic `here`, as the database has it. */
async function report() {
  const { rows } = await db.superuser.query(
    `select id, html_sha256, csv_sha256, files_expire_at > now() + interval '34 days' as is_kept
     from app_public.reports where clinic_id = $1 and starts_on = '2026-03-02'`,
    [exports.world().here.clinic.id],
  );
  return rows[0];
}

async function makeReports(): Promise<void> {
  await addJob(db, "report__create_weekly", { organizationId: exports.world().own, day: DAY });
  await exports.work();
}

const link = (person: Actor, reportId: string, format = "HTML") =>
  exports.api.query(
    person,
    `mutation ($reportId: UUID!, $format: ReportFormat) {
      createReportLink(input: { reportId: $reportId, format: $format }) { result { path expiresAt } }
    }`,
    { variables: { reportId, format } },
  );
const pathOf = async (person: Actor, reportId: string, format?: string) =>
  (await link(person, reportId, format)).data.createReportLink.result.path as string;
const follow = (path: string) => fetch(`${exports.api.url}${path}`);

beforeAll(async () => {
  const { own, here } = exports.world();
  await db.superuser.query("update app_public.clinics set name = $2 where id = $1", [
    here.clinic.id,
    `<script>alert("x")</script>`,
  ]);
  await db.superuser.query("update app_public.organizations set name = '=cmd|calc' where id = $1", [own]);
  await db.superuser.query(
    `insert into app_public.financial_metrics (organization_id, clinic_id, metric_key, day, value)
     values ($1, $2, 'revenue', '2026-03-03', 120)`,
    [own, here.clinic.id],
  );
  await makeReports();
});

describe("a weekly report", () => {
  it("is a page and a table with the clinic's figures, under the hashes on record", async () => {
    const { here } = exports.world();
    const { id, html_sha256, csv_sha256, is_kept } = await report();
    expect(is_kept).toBe(true);
    const page = await follow(await pathOf(here.clinicAdmin, id));
    expect(page.status).toBe(200);
    expect(page.headers.get("content-type")).toBe("text/html; charset=utf-8");
    expect(page.headers.get("content-disposition")).toMatch(
      /^attachment; filename="clinic-week-2026-03-02-\d{4}-\d\d-\d\d\.html"$/,
    );
    expect(page.headers.get("content-security-policy")).toMatch("default-src 'none'");
    const digest = Buffer.from(html_sha256, "hex").toString("base64");
    expect(page.headers.get("repr-digest")).toBe(`sha-256=:${digest}:`);
    const html = await page.text();
    expect(html).toMatch("2026-03-02 to 2026-03-08");
    expect(html).toMatch(/<td>Revenue<\/td>.*<td class="number">120<\/td>/);

    const table = await follow(await pathOf(here.clinicAdmin, id, "CSV"));
    expect(table.headers.get("repr-digest")).toMatch(Buffer.from(csv_sha256, "hex").toString("base64"));
    const [line, ...more] = parse(await table.text(), { columns: true, bom: false }) as object[];
    expect(more).toEqual([]);
    expect(line).toMatchObject({ first_day: "2026-03-02", area: "financial", sum: "120", previous_sum: "" });
  });

  it("runs nothing of what names say: neither as a page nor in a spreadsheet", async () => {
    const { here } = exports.world();
    const { id } = await report();
    const html = await (await follow(await pathOf(here.clinicAdmin, id))).text();
    expect(html).not.toMatch(/<script/i);
    expect(html).toMatch("&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt;");
    const csv = await (await follow(await pathOf(here.clinicAdmin, id, "CSV"))).text();
    expect(csv).toMatch(`"'=cmd|calc"`);
    expect(csv).not.toMatch(/(^|,)"?=/m);
  });

  it("is fetched by those who see the report, and by nobody else", async () => {
    const { here, there, owner, abroad } = exports.world();
    const { id } = await report();
    for (const person of [here.clinicAdmin, owner]) {
      expect((await follow(await pathOf(person, id))).status).toBe(200);
    }
    for (const person of [abroad.clinicAdmin, abroad.provider, there.provider]) {
      expect((await link(person, id)).errors?.[0]?.extensions?.code).toBe("NOT_FOUND");
    }
    // A link that was made in spite of that opens nothing: row security is asked again.
    await db.asUser(abroad.provider, async ({ client, value }) => {
      const path = await value<string>(
        "select (app_hidden.link_report(organization_id => $1, report_id => $2, format => 'csv')).path",
        [exports.world().own, id],
      );
      await client.query("commit");
      expect((await follow(path ?? "")).status).toBe(404);
    });
  });

  it("is fetched no more by somebody who has left, or when its files have expired", async () => {
    const { here } = exports.world();
    const { id } = await report();
    const { userId } = here.clinicAdmin;
    const path = await pathOf(here.clinicAdmin, id);
    const active = "update app_public.clinic_memberships set active = $2 where user_id = $1";
    await db.superuser.query(active, [userId, false]);
    expect((await follow(path)).status).toBe(404);
    await db.superuser.query(active, [userId, true]);
    expect((await follow(path)).status).toBe(200);
    await db.superuser.query("update app_public.reports set files_expire_at = now() where id = $1", [id]);
    expect((await follow(path)).status).toBe(404);
    expect((await link(here.clinicAdmin, id)).errors?.[0]?.extensions?.code).toBe("NOT_FOUND");
    await makeReports();
    expect((await follow(path)).status).toBe(200);
  });

  it("that a person makes again is written again, and tells nobody", async () => {
    const { own, here, owner } = exports.world();
    const before = await report();
    await db.superuser.query(
      "update app_public.financial_metrics set value = 130 where clinic_id = $1 and day = '2026-03-03'",
      [here.clinic.id],
    );
    const told = () => count(db, "from app_public.notifications where kind = 'weekly_report'");
    const toldBefore = await told();
    const { errors } = await exports.api.query(
      owner,
      `mutation ($clinicId: UUID!, $organizationId: UUID!) {
        createReport(input: { period: WEEK, day: "${DAY}", clinicId: $clinicId, organizationId: $organizationId }) { result { rowId } }
      }`,
      { variables: { clinicId: here.clinic.id, organizationId: own } },
    );
    expect(errors).toBeUndefined();
    await exports.work();
    expect((await report()).csv_sha256).not.toBe(before.csv_sha256);
    expect(await told()).toBe(toldBefore);
    // What the figures were before is of no use to anybody.
    await addJob(db, "export__clean_up", {});
    for (const file of await readdir(exports.folder())) {
      await utimes(join(exports.folder(), file), 0, 0);
    }
    await exports.work();
    const { html_sha256, csv_sha256 } = await report();
    const left = (await exports.files()).filter((file) => file.startsWith(before.id)).toSorted();
    expect(left).toEqual([`${before.id}-${csv_sha256}`, `${before.id}-${html_sha256}`].toSorted());
  });

  it("is not written for another organization", async () => {
    const { foreign } = exports.world();
    const { id } = await report();
    const writtenAt = "select written_at from app_public.reports where id = $1";
    const before = await db.superuser.query(writtenAt, [id]);
    await addJob(db, "report__write", { organizationId: foreign, reportId: id, isScheduled: true });
    await exports.work();
    expect((await db.superuser.query(writtenAt, [id])).rows).toEqual(before.rows);
  });
});
