import "graphile-build-pg";

import {
  access,
  context,
  type FieldArgs,
  type GrafastSubscriber,
  lambda,
  list,
  listen,
  sideEffect,
  type Step,
} from "grafast";
import { extendSchema } from "graphile-utils";
import { parse } from "graphql";
import type { PgResource } from "postgraphile/@dataplan/pg";

import { AppError } from "../src/errors/AppError.ts";
import { type Announcement, eachRow, OPERATIONS } from "./announcements.ts";
import { bound } from "./bound.ts";

/** One subscription: news of the rows of a table that `app_private.announce_changes` announces. */
interface ChangeSubscription {
  field: string;
  table: string;
  /** The GraphQL type of a row. */
  type: string;
  /** One row in the middle of a sentence. */
  noun: string;
  /** Whose news: of a clinic that the subscriber names, or the subscriber's own. */
  scope: keyof typeof SCOPES;
  description: string;
}

/**
 * Channels of Postgres are not under row security, so the right to listen is asked of the database in the subscriber's
 * name: each statement yields the id that the channel is named after, or no row.
 */
const SCOPES = {
  clinic: {
    arguments: '("The uuid (rowId) of the clinic." clinicId: UUID!)',
    text: "select $1::uuid as id where app_public.has_clinic_access($1::uuid)",
    valuesFrom: (fieldArgs: FieldArgs) => [fieldArgs.getRaw("clinicId")],
  },
  viewer: {
    arguments: "",
    text: "select v.id from app_public.viewer() v",
    valuesFrom: () => [],
  },
} as const;

const SUBSCRIPTIONS: readonly ChangeSubscription[] = [
  {
    field: "appointmentChanged",
    table: "appointments",
    type: "Appointment",
    noun: "appointment",
    scope: "clinic",
    description:
      "Announces every appointment of the clinic that is booked, changed or removed from now on. You need to work in the clinic; when that ends, news end with an error.",
  },
  {
    field: "careSessionChanged",
    table: "care_sessions",
    type: "CareSession",
    noun: "care session",
    scope: "clinic",
    description:
      "Announces every care session of the clinic that is created, changed or removed from now on. You need to work in the clinic; when that ends, news end with an error.",
  },
  {
    field: "exportRequestChanged",
    table: "export_requests",
    type: "ExportRequest",
    noun: "export request",
    scope: "viewer",
    description: "Announces every change of the exports you asked for, such as a new status.",
  },
  {
    field: "notificationReceived",
    table: "notifications",
    type: "Notification",
    noun: "notification",
    scope: "viewer",
    description: "Announces every notification for you from now on.",
  },
];

const OPERATION_TYPE = `
  "What happened to a record."
  enum ChangeOperation {
    "It was created."
    CREATED
    "Something about it changed."
    CHANGED
    "It no longer exists."
    REMOVED
  }`;

const rowField = ({ type }: ChangeSubscription) => type.charAt(0).toLowerCase() + type.slice(1);

function typeDefinitions(subscription: ChangeSubscription): string {
  const { field, type, noun, scope, description } = subscription;
  return `
  "News of one ${noun}. The details are read when the news arrives, with the rights you have then."
  type ${type}Change {
    "What happened."
    operation: ChangeOperation!
    "The uuid (rowId) of the ${noun}."
    ${rowField(subscription)}Id: UUID!
    "The ${noun} as it is now; null if it was removed or is not visible to you."
    ${rowField(subscription)}: ${type}
  }

  extend type Subscription {
    "${description}"
    ${field}${SCOPES[scope].arguments}: ${type}Change
  }`;
}

/** What is listened for. */
type Listening = Pick<ChangeSubscription, "table" | "scope">;

/** Yields the channel if the subscriber may listen on it, else the error NOT_FOUND or UNAUTHENTICATED. */
function planChannel({ table, scope }: Listening, fieldArgs: FieldArgs): Step<string> {
  const $context = context();
  const { text, valuesFrom } = SCOPES[scope];
  const $inputs = list([
    $context.get("withPgClient"),
    $context.get("pgSettings"),
    list(valuesFrom(fieldArgs)),
  ]);
  return lambda($inputs, async ([withPgClient, pgSettings, values]) => {
    const { rows } = await withPgClient(pgSettings, (client) =>
      client.query<{ id: string | null }>({ text, values: [...values] }),
    );
    const id = rows[0]?.id;
    if (!id) {
      throw new AppError("NOT_FOUND");
    }
    return `${table}:${id}`;
  });
}

export function planListening(listening: Listening, _$root: Step, fieldArgs: FieldArgs) {
  const $subscriber = lambda(
    context().get("pgSubscriber"),
    (source): GrafastSubscriber<Record<string, Announcement>> | null =>
      source && { subscribe: async (channel) => eachRow(await source.subscribe(String(channel))) },
  );
  return listen($subscriber, planChannel(listening, fieldArgs));
}

export function planNews(listening: Listening, $announcement: Step<Announcement>, fieldArgs: FieldArgs) {
  // Again for every piece of news: the subscription lives longer than the right to it may.
  sideEffect(planChannel(listening, fieldArgs), () => undefined);
  return $announcement;
}

export function planOperation($change: Step) {
  return lambda(
    access<Announcement["operation"]>($change, "operation"),
    (operation) => OPERATIONS[operation],
  );
}

export function planChangedId($change: Step) {
  return access($change, "id");
}

export function planChangedRow(resource: PgResource, $change: Step) {
  return resource.get({ id: access($change, "id") });
}

function subscriptionPlans({ table, scope }: ChangeSubscription) {
  return {
    subscribePlan: bound(planListening, { table, scope }),
    plan: bound(planNews, { table, scope }),
  };
}

/** `appointmentChanged(clinicId)` and its like: tell people at once that a record was created, changed or removed. */
export const ChangeSubscriptionsPlugin: GraphileConfig.Plugin = extendSchema((build) => {
  const changePlans = (subscription: ChangeSubscription) => {
    const resource = build.pgResources[subscription.table];
    if (!resource) {
      throw new Error(
        `There is no table '${subscription.table}' to which '${subscription.field}' could refer.`,
      );
    }
    return {
      operation: planOperation,
      [`${rowField(subscription)}Id`]: planChangedId,
      [rowField(subscription)]: bound(planChangedRow, resource as PgResource),
    };
  };
  return {
    typeDefs: parse([OPERATION_TYPE, ...SUBSCRIPTIONS.map(typeDefinitions)].join("\n")),
    objects: {
      Subscription: {
        plans: Object.fromEntries(SUBSCRIPTIONS.map((each) => [each.field, subscriptionPlans(each)])),
      },
      ...Object.fromEntries(
        SUBSCRIPTIONS.map((each) => [`${each.type}Change`, { plans: changePlans(each) }]),
      ),
    },
  };
}, "ChangeSubscriptionsPlugin");
