import pg from "pg";

/**
 * A process that writes patients until it is killed: `killedWriter.ts <url> <organization> <clinic>`, ten rows a transaction.
 * Says on standard output how many transactions it knows to be committed.
 */
const [url, organizationId, clinicId] = process.argv.slice(2);
const client = new pg.Client({ connectionString: url });
await client.connect();
for (let transaction = 0; ; transaction++) {
  await client.query("begin");
  await client.query(
    `insert into app_public.patients (organization_id, home_clinic_id, mrn, given_name, family_name, birth_date)
     select $1, $2, format('killed-%s-%s', $3::text, n), 'G', 'F', '1990-01-01' from generate_series(1, 10) as n`,
    [organizationId, clinicId, transaction],
  );
  await client.query("commit");
  process.stdout.write(`${transaction + 1}\n`);
}
