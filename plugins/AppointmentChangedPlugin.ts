import "graphile-build-pg";

import { access, context, type FieldArgs, lambda, list, listen, sideEffect, type Step } from "grafast";
import { extendSchema, gql } from "graphile-utils";

import { isUuid } from "../src/auth/claims.ts";
import { AppError } from "../src/errors/AppError.ts";

/** What the database announces on the channel of a clinic: which row, never what is in it. */
interface AppointmentNotification {
  operation: keyof typeof OPERATIONS;
  id: string;
}

/** Operation of SQL → what clients read. */
const OPERATIONS = { insert: "BOOKED", update: "CHANGED", delete: "REMOVED" } as const;

/** The channel on which `_950_announce` (fixtures/scheduling) announces changes in a clinic's appointments. */
function channelOf(clinicId: string): string {
  return `appointments:${clinicId}`;
}

/**
 * Yields the clinic's channel if the caller works there, else the error NOT_FOUND: a channel of Postgres is not under
 * row security, so the right to listen is asked of the database, in the caller's name.
 */
function planChannel($clinicId: Step): Step<string> {
  const $context = context();
  const $inputs = list([$context.get("withPgClient"), $context.get("pgSettings"), $clinicId]);
  return lambda($inputs, async ([withPgClient, pgSettings, clinicId]) => {
    const { rows } = await withPgClient(pgSettings, (client) =>
      client.query<{ allowed: boolean | null }>({
        text: "select app_public.has_clinic_access($1::uuid) as allowed",
        values: [clinicId],
      }),
    );
    if (rows[0]?.allowed !== true) {
      throw new AppError("NOT_FOUND");
    }
    return channelOf(String(clinicId).toLowerCase());
  });
}

function parseNotification(payload: unknown): AppointmentNotification {
  const notification = JSON.parse(String(payload)) as Partial<AppointmentNotification>;
  if (!isUuid(notification.id) || !notification.operation || !(notification.operation in OPERATIONS)) {
    throw new Error(
      "An announcement of an appointment must name an operation and a uuid; got something else.",
    );
  }
  return { operation: notification.operation, id: notification.id };
}

const TYPE_DEFINITIONS = gql`
  """
  What happened to an appointment.
  """
  enum AppointmentOperation {
    """
    It was booked.
    """
    BOOKED
    """
    Something about it changed: its time, its status, its details.
    """
    CHANGED
    """
    It no longer exists.
    """
    REMOVED
  }

  """
  News of one appointment. The details are read when the news arrives, with the rights you have then.
  """
  type AppointmentChange {
    """
    What happened.
    """
    operation: AppointmentOperation!
    """
    The uuid (rowId) of the appointment.
    """
    appointmentId: UUID!
    """
    The appointment as it is now; null if it was removed or is not visible to you.
    """
    appointment: Appointment
  }

  extend type Subscription {
    """
    Announces every appointment of the clinic that is booked, changed or removed from now on. You need to work in
    the clinic; when that ends, news end with an error.
    """
    appointmentChanged(
      """
      The uuid (rowId) of the clinic.
      """
      clinicId: UUID!
    ): AppointmentChange
  }
`;

/** `appointmentChanged(clinicId)`: tells a clinic's people that an appointment was booked, changed or removed. */
export const AppointmentChangedPlugin: GraphileConfig.Plugin = extendSchema((build) => {
  const { appointments } = build.pgResources;
  if (!appointments) {
    return { typeDefs: [] };
  }
  return {
    typeDefs: TYPE_DEFINITIONS,
    objects: {
      Subscription: {
        plans: {
          appointmentChanged: {
            subscribePlan: (_$root: Step, fieldArgs: FieldArgs) =>
              listen(context().get("pgSubscriber"), planChannel(fieldArgs.getRaw("clinicId"))),
            plan($payload: Step<string>, fieldArgs: FieldArgs) {
              // Again for every piece of news: the subscription lives longer than the right to it may.
              sideEffect(planChannel(fieldArgs.getRaw("clinicId")), () => undefined);
              return lambda($payload, parseNotification);
            },
          },
        },
      },
      AppointmentChange: {
        plans: {
          operation: ($change: Step) =>
            lambda(
              access<AppointmentNotification["operation"]>($change, "operation"),
              (operation) => OPERATIONS[operation],
            ),
          appointmentId: ($change: Step) => access($change, "id"),
          appointment: ($change: Step) => appointments.get({ id: access($change, "id") }),
        },
      },
    },
  };
}, "AppointmentChangedPlugin");
