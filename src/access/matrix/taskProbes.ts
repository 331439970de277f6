import type { FullWorld } from "../world/fullWorld.ts";

/** The payloads that a task is tried with. */
export interface TaskProbe {
  /** As the schedule or a trigger gives it, for the own organization. */
  own: unknown;
  /** In the name of the own organization, with ids of another's rows; of a task that takes ids. */
  handed?: unknown;
  /** Done by a superuser beforehand, so that there is something to do. */
  prepare?: string;
}

/** Each task of src/tasks by its name: one that is not here fails `access matrix`. */
export const TASK_PROBES: Readonly<Record<string, (world: FullWorld) => TaskProbe>> = {
  appointment__notify: ({ own, here, abroad }) => ({
    own: { organizationId: own, appointmentIds: [here.appointment.id] },
    handed: { organizationId: own, appointmentIds: [abroad.appointment.id] },
  }),
  metrics__calculate: ({ own }) => ({
    own: { organizationId: own },
    prepare: "update app_public.care_sessions set status = 'completed', ended_at = now()",
  }),
  metrics__enqueue: () => ({ own: {} }),
  report__create_weekly: ({ own }) => ({ own: { organizationId: own, day: "2030-01-08" } }),
  report__enqueue_weekly: () => ({ own: { _cron: { ts: "2030-01-14T13:00:00Z" } } }),
};
