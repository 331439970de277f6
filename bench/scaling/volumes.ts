import pg from "pg";
import { pino } from "pino";

import { createMember } from "../../src/access/world/people.ts";
import { signToken } from "../../src/auth/signToken.ts";
import type { OpenDatabase } from "../../src/database/openDatabase.ts";
import { startGateway } from "../../src/gateway.ts";
import { generateVolume } from "../../src/generate/generateVolume.ts";

const ROUNDS = 400;

/** How long a point read and a list take, by how many tenants and rows there are: `10:10000` is ten with 10,000 patients in all. */
export async function volumes({ config, urls }: OpenDatabase, shapes: readonly string[]): Promise<void> {
  const superuser = new pg.Pool({ connectionString: urls.superuser, max: 2 });
  try {
    let seed = 0;
    for (const shape of shapes) {
      const [organizations = 1, patients = 0] = shape.split(":").map(Number);
      // Another seed makes its data beside the ones before: what is measured is the newest, among all.
      const request = {
        organizations,
        clinics: organizations,
        patients,
        appointments: patients,
        seed: seed++,
      };
      await generateVolume(urls, request);
      const { rows } = await superuser.query<{ organization_id: string; clinic_id: string; id: string }>(
        "select organization_id, home_clinic_id as clinic_id, id from app_public.patients order by created_at desc limit 1",
      );
      const [row] = rows;
      if (!row) {
        throw new Error(`No patient was made by ${shape}`);
      }
      const clinic = { id: row.clinic_id, organizationId: row.organization_id };
      const provider = await createMember(superuser, clinic, "provider");
      const times = await measure({ config, urls }, signToken(config.auth, provider), row.id);
      const { rows: totals } = await superuser.query(
        "select count(*)::int as total from app_public.patients",
      );
      console.log(
        `${shape}: ${totals[0].total} patients; p50 of one by id ${times.point} ms, of a list of 50 ${times.list} ms`,
      );
    }
  } finally {
    await superuser.end();
  }
}

async function measure(
  { config, urls }: Pick<OpenDatabase, "config" | "urls">,
  token: string,
  patient: string,
) {
  const free = { ...config.limits, rate: { ...config.limits.rate, user: 0, organization: 0, address: 0 } };
  const gateway = await startGateway(
    { ...config, limits: free, http: { ...config.http, port: 0, adminPort: 0 } },
    { url: urls.gateway, logger: pino({ level: "silent" }) },
  );
  const id = Buffer.from(JSON.stringify(["Patient", patient])).toString("base64");
  const time = async (query: string) => {
    const times: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const start = performance.now();
      const answer = await fetch(`${gateway.url}/graphql`, {
        method: "POST",
        headers: { "content-type": "application/json", authorization: `Bearer ${token}` },
        body: JSON.stringify({ query }),
      });
      const text = await answer.text();
      if (text.includes('"errors"') || !text.includes("rowId")) {
        throw new Error(`Not measured: ${text}`);
      }
      times.push(performance.now() - start);
    }
    return (times.toSorted((one, other) => one - other)[ROUNDS / 2] ?? NaN).toFixed(2);
  };
  try {
    return {
      point: await time(`{ patient(id: "${id}") { rowId city } }`),
      list: await time("{ patients(first: 50) { nodes { rowId city } } }"),
    };
  } finally {
    await gateway.close();
  }
}
