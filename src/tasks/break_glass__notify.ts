import { tenantTask } from "../jobs/tenantTask.ts";

/** After so many days without a review there is a reminder, and another one each time that they have gone by again. */
const REMINDER_DAYS = 3;

const NOTIFY = `\
with waiting as (
  select g.id, g.organization_id, g.home_clinic_id, g.user_id,
    floor(extract(epoch from now() - g.created_at) / (86400 * $2::int))::int as reminders
  from app_public.break_glass_grants g
  where g.organization_id = $1::uuid
  and g.reviewed_at is null
),
reviewers as (
  select w.id, m.user_id
  from waiting w
  join app_public.clinic_memberships m
    on m.organization_id = w.organization_id and m.clinic_id = w.home_clinic_id and m.role = 'clinic_admin' and m.active
  and m.user_id <> w.user_id
  union
  select w.id, m.user_id
  from waiting w
  join app_public.organization_memberships m
    on m.organization_id = w.organization_id and m.role in ('owner', 'admin') and m.active
  and m.user_id <> w.user_id
),
told as (
  insert into app_public.notifications (organization_id, user_id, kind, subject_table, subject_id, effect_key)
  select
    w.organization_id,
    r.user_id,
    case when n = 0 then 'break_glass_opened' else 'break_glass_unreviewed' end,
    'break_glass_grants',
    w.id,
    'break_glass__notify:' || w.id || ':' || r.user_id || ':' || n
  from waiting w
  join reviewers r on r.id = w.id
  cross join lateral (select distinct n from unnest(array[0, w.reminders]) as n) as of
  on conflict (organization_id, effect_key) do nothing
  returning 1
)
select
  (select count(*)::int from told) as told,
  (select count(*)::int from waiting w where not exists (select from reviewers r where r.id = w.id)) as unreviewable`;

/**
 * Tells those who may review an emergency access that it waits: at once, and again while it does. Each notification bears
 * its own effect key, so that a second run changes nothing. Where nobody but the one who opened it may review it, the log says so
 * each time: nobody in the application could.
 */
export default tenantTask("break_glass__notify", {
  timeout: 60_000,
  parse: () => null,
  async perform({ organizationId, inTenant, logger }) {
    const { rows } = await inTenant((client) =>
      client.query<{ told: number; unreviewable: number }>(NOTIFY, [organizationId, REMINDER_DAYS]),
    );
    const { told = 0, unreviewable = 0 } = rows[0] ?? {};
    if (unreviewable > 0) {
      logger.warn(
        `In organization '${organizationId}', ${unreviewable} emergency accesses wait that nobody may review: ` +
          "it has no owner or administrator but the one who opened them.",
      );
    }
    return told > 0
      ? undefined
      : { nothing: "Nobody has to be told of an emergency access (any more).", isUsual: true };
  },
});
