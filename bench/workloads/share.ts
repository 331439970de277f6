import { withClient } from "../../src/database/withClient.ts";
import { measureServers } from "../measure/measureServers.ts";
import { SERVERS } from "../peers/servers.ts";
import { serverTable } from "../report/serverTable.ts";
import type { ServerWorkload, Workload } from "./workload.ts";

const SHARES = 1000;
const tokenOf = (share: number) => `bench-share-${share}`;

/** Shares of one record each, whose links can be opened a hundred times, the most there is; as new on every run. */
const MAKE_SHARES = `
do $$
declare
  v_user uuid := (select id from app_public.users order by id limit 1);
begin
  set local session_replication_role = replica;
  insert into app_vault.encrypted_cycle_data (id, user_id, algorithm, key_id, nonce, ciphertext, aad)
  select r.id, v_user, 'AES-256-GCM', v_user, substr(sha256(uuid_send(r.id)), 1, 12), sha256(uuid_send(r.id)),
    app_hidden.envelope_aad('app_vault.encrypted_cycle_data', r.id, v_user, 1, 1::smallint, 'AES-256-GCM', v_user)
  from generate_series(0, ${SHARES - 1}) as n, lateral (select md5('bench-record-' || n)::uuid as id) r
  on conflict (id) do nothing;
  insert into app_vault.healthcare_shares (id, user_id, expires_at)
  select md5('bench-share-' || n)::uuid, v_user, now() + interval '20 days' from generate_series(0, ${SHARES - 1}) as n
  on conflict (id) do update set expires_at = excluded.expires_at;
  insert into app_vault.healthcare_share_records (user_id, share_id, record_id, key_id, nonce, ciphertext)
  select d.user_id, md5('bench-share-' || n)::uuid, d.id, d.key_id, d.nonce, d.ciphertext || substr(d.ciphertext, 1, 16)
  from generate_series(0, ${SHARES - 1}) as n
  join app_vault.encrypted_cycle_data d on d.id = md5('bench-record-' || n)::uuid
  where not exists (select from app_vault.healthcare_share_records r where r.share_id = md5('bench-share-' || n)::uuid);
  delete from app_vault.share_tokens where user_id = v_user and share_id in (
    select md5('bench-share-' || n)::uuid from generate_series(0, ${SHARES - 1}) as n
  );
  insert into app_vault.share_tokens (user_id, share_id, token_hash, max_uses, expires_at)
  select v_user, md5('bench-share-' || n)::uuid, sha256(convert_to('bench-share-' || n, 'UTF8')), 100, now() + interval '20 days'
  from generate_series(0, ${SHARES - 1}) as n;
end
$$`;

const workload: ServerWorkload = {
  name: "share",
  title: "A share's link, opened by nobody in particular",
  about:
    "An anonymous request redeems the token of a link: a function of the database that counts the use and puts the reader on record. The servers with hand-written SQL would do nothing but call it, and are left out.",
  shape: "clinic",
  people: 1,
  operations: {
    redeem: {
      document: () => `mutation Redeem($token: String!) {
        redeemShare(input: { token: $token }) { result { recordId nonce ciphertext wrappedKey } }
      }`,
    },
  },
  asks: () =>
    Array.from({ length: SHARES }, (_, share) => ({
      operation: "redeem",
      variables: { token: tokenOf(share) },
      person: null,
      expect: "ciphertext",
    })),
};

export const share: Workload = {
  name: "share",
  async run(bench) {
    const urls = await bench.data.open(workload.shape, bench.options.size);
    await withClient(urls.superuser, (client) => client.query(MAKE_SHARES));
    const names = ["bailiwick", "postgraphile5"];
    const placed = SERVERS.filter(({ name }) => names.includes(name)).map((server) => ({ server, urls }));
    const figures = await measureServers(bench, workload, { placed, isSameData: true });
    const { name, title, about } = workload;
    return { name, title, about, table: serverTable(figures), targets: [] };
  },
};
