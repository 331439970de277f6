import type { SubscriptionState } from "../../webhooks/WebhookEvent.ts";
import type { FullWorld } from "../world/fullWorld.ts";
import { OUTBOUND_PROBES } from "./outboundProbes.ts";

const OWN_EVENT = "01900000-0000-7000-8000-00000000e001";
const MISLEADING_EVENT = "01900000-0000-7000-8000-00000000e002";
const OWN_EXPORT = "01900000-0000-7000-8000-00000000e003";
const FOREIGN_EXPORT = "01900000-0000-7000-8000-00000000e004";
const OWN_REPORT = "01900000-0000-7000-8000-00000000e005";
const FOREIGN_REPORT = "01900000-0000-7000-8000-00000000e006";

/** The payloads that a task is tried with. */
export interface TaskProbe {
  /** As the schedule or a trigger gives it, for the own organization. */
  own: unknown;
  /** In the name of the own organization, with ids of another's rows; of a task that takes ids. */
  handed?: unknown;
  /** Done by a superuser beforehand, so that there is something to do. */
  prepare?: string;
  /** Why the task changes no row even when it has done all that it is for. */
  changesNoRow?: string;
}

/** Each task of src/tasks by its name: one that is not here fails `access matrix`. */
export const TASK_PROBES: Readonly<Record<string, (world: FullWorld) => TaskProbe>> = {
  ...OUTBOUND_PROBES,
  appointment__notify: ({ own, here, abroad }) => ({
    own: { organizationId: own, appointmentIds: [here.appointment.id] },
    handed: { organizationId: own, appointmentIds: [abroad.appointment.id] },
  }),
  maintenance__clean_up: ({ foreign }) => ({
    own: {},
    prepare: `insert into app_private.job_effects (organization_id, effect_key, created_at)
      values (null, 'old', now() - interval '91 days'), ('${foreign}', 'new', now())`,
  }),
  maintenance__nightly: () => ({ own: {} }),
  export__clean_up: () => ({ own: {}, changesNoRow: "It removes files." }),
  export__write: ({ own, here, abroad }) => ({
    own: { organizationId: own, exportId: OWN_EXPORT, actorId: here.provider.userId },
    handed: { organizationId: own, exportId: FOREIGN_EXPORT, actorId: here.provider.userId },
    prepare: [here, abroad]
      .map(
        ({ clinic, provider }, index) =>
          `insert into app_public.export_requests (id, organization_id, clinic_id, kind, created_by)
           values ('${index === 0 ? OWN_EXPORT : FOREIGN_EXPORT}', '${clinic.organizationId}', '${clinic.id}', 'patients', '${provider.userId}');`,
      )
      .join("\n"),
  }),
  mail__send: ({ here }) => ({
    own: { template: "verify_email", userId: here.provider.userId },
    prepare: `update app_public.users set email_verified_at = null where id = '${here.provider.userId}'`,
  }),
  audit__make_partitions: () => ({ own: {}, changesNoRow: "It makes empty tables." }),
  break_glass__notify: ({ own }) => ({ own: { organizationId: own } }),
  break_glass__remind: () => ({ own: {} }),
  metrics__calculate: ({ own }) => ({
    own: { organizationId: own },
    prepare: "update app_public.care_sessions set status = 'completed', ended_at = now()",
  }),
  metrics__enqueue: () => ({ own: {} }),
  report__write: ({ own, here, abroad }) => ({
    own: { organizationId: own, reportId: OWN_REPORT, isScheduled: true },
    handed: { organizationId: own, reportId: FOREIGN_REPORT, isScheduled: true },
    prepare: [here, abroad]
      .map(
        ({ clinic }, index) =>
          `insert into app_public.reports (id, organization_id, clinic_id, period, starts_on, ends_on, figures)
           values ('${index === 0 ? OWN_REPORT : FOREIGN_REPORT}', '${clinic.organizationId}', '${clinic.id}', 'week', '2030-02-04', '2030-02-10', '[]');`,
      )
      .join("\n"),
  }),
  report__create_weekly: ({ own }) => ({ own: { organizationId: own, day: "2030-01-08" } }),
  request__forget_answers: () => ({
    own: {},
    prepare: `insert into app_private.idempotent_answers (user_id, key_hash, request_hash, sealed_answer, expires_at)
      select id, sha256('key'), sha256('request'), decode(repeat('00', 28), 'hex'), now() from app_public.users`,
  }),
  report__enqueue_weekly: () => ({ own: { _cron: { ts: "2030-01-14T13:00:00Z" } } }),
  webhook__apply: ({ own, foreign }) => ({
    own: { webhookEventId: OWN_EVENT },
    // The own organization's customer pays, and the event names another organization besides.
    handed: { webhookEventId: MISLEADING_EVENT },
    prepare: `
      update app_public.subscriptions set stripe_customer_id = 'cus_probe' where organization_id = '${own}';
      insert into app_private.webhook_events (id, provider, event_id, payload)
      values
        ('${OWN_EVENT}', 'stripe', 'evt_own', '${JSON.stringify(stripeState(own))}'),
        ('${MISLEADING_EVENT}', 'stripe', 'evt_misleading', '${JSON.stringify(stripeState(foreign))}');`,
  }),
};

/** As src/webhooks/verifyStripe.ts reads it. */
function stripeState(organizationId: string): SubscriptionState {
  return {
    type: "subscription",
    subscriptionId: "sub_probe",
    customerId: "cus_probe",
    organizationId,
    status: "active",
    plan: "pro",
    seats: 40,
    periodStart: null,
    periodEnd: null,
    version: [1, 1, 1],
  };
}
