import "graphile-build-pg";

import { access, context, type FieldArgs, list, object, sideEffect, type Step } from "grafast";
import { extendSchema } from "graphile-utils";
import type { PgResource } from "postgraphile/@dataplan/pg";
import { TYPES } from "postgraphile/@dataplan/pg";

import { assertAcceptablePassword, hashPassword } from "../src/auth/passwordHash.ts";
import { AppError } from "../src/errors/AppError.ts";
import { currentRequestContext } from "../src/http/requestContext.ts";
import { bound } from "./bound.ts";
import { PASSWORD_TYPES } from "./passwordTypes.ts";
import { planQuery } from "./planQuery.ts";

/** What one request may do, as PostGraphile's context has it. */
interface Access {
  withPgClient: Grafast.Context["withPgClient"];
  pgSettings: Record<string, string>;
}

/** What the database says of an attempt; see app_hidden.begin_log_in. */
interface Beginning {
  parameters: string | null;
  needs_password: boolean;
  retry_after: number | null;
}

interface Credentials {
  email: string;
  password: string;
}

/** What a function in SQL compares: the hash, and the password only while hashes of bcrypt are about. */
interface Proof {
  hash: string;
  password: string | null;
}

/**
 * Runs in a transaction of its own, which is committed whatever becomes of the sign-in: attempts stay counted. Under an
 * Idempotency-Key it would be a part of the mutation's, and be undone with it.
 */
async function ask<Row>({ withPgClient, pgSettings }: Access, text: string, values: unknown[]): Promise<Row> {
  if (currentRequestContext()?.idempotencyKey) {
    throw new AppError("BAD_REQUEST", "Send passwords without an Idempotency-Key: each attempt is counted.");
  }
  const { rows } = await withPgClient(pgSettings, (client) => client.query<Row>({ text, values }));
  if (!rows[0]) {
    throw new Error("What begins a sign-in must return one row; it returned none.");
  }
  return rows[0];
}

function assertNoWait(seconds: number | null): void {
  if (seconds !== null) {
    throw new AppError("TOO_MANY_REQUESTS", "There were too many attempts. Wait before the next one.", {
      retryAfter: seconds,
    });
  }
}

const BEGIN_LOG_IN = "select * from app_hidden.begin_log_in($1)";
const BEGIN_CHANGE = "select b.* from app_public.viewer() v, app_hidden.begin_log_in(v.email) b";
const BEGIN_CONFIRMATION = "select app_hidden.begin_confirmation($1) as parameters";
const BEGIN_REGISTRATION = "select app_hidden.begin_registration($1) as retry_after";

async function proveTo(request: Access, text: string, values: unknown[], password: string): Promise<Proof> {
  const { parameters, needs_password, retry_after } = await ask<Beginning>(request, text, values);
  assertNoWait(retry_after);
  return {
    hash: await hashPassword(password, parameters),
    password: needs_password ? password : null,
  };
}

const prove = (request: Access, { email, password }: Credentials) =>
  proveTo(request, BEGIN_LOG_IN, [email], password);

async function hashNew(request: Access, { email, password }: Credentials): Promise<{ hash: string }> {
  assertAcceptablePassword(password);
  const { retry_after } = await ask<Pick<Beginning, "retry_after">>(request, BEGIN_REGISTRATION, [email]);
  assertNoWait(retry_after);
  return { hash: await hashPassword(password) };
}

async function proveRegistration(
  request: Access,
  { code, password }: { code: string; password: string },
): Promise<{ hash: string }> {
  const { parameters } = await ask<Pick<Beginning, "parameters">>(request, BEGIN_CONFIRMATION, [code]);
  return { hash: await hashPassword(password, parameters) };
}

async function proveAndHash(
  request: Access,
  { currentPassword, newPassword }: { currentPassword: string; newPassword: string },
): Promise<Proof & { newHash: string }> {
  if (!request.pgSettings["jwt.claims.sub"]) {
    throw new AppError("UNAUTHENTICATED");
  }
  assertAcceptablePassword(newPassword);
  const proof = await proveTo(request, BEGIN_CHANGE, [], currentPassword);
  return { ...proof, newHash: await hashPassword(newPassword) };
}

/** What `work` makes of the input, before the mutation's own statement. */
function prepared<Input, Result>(
  fieldArgs: FieldArgs,
  work: (request: Access, input: Input) => Promise<Result>,
): Step<Result> {
  const $context = context();
  const $inputs = list([
    $context.get("withPgClient"),
    $context.get("pgSettings"),
    fieldArgs.getRaw("input") as Step<Input>,
  ]);
  return sideEffect($inputs, ([withPgClient, pgSettings, input]) =>
    work({ withPgClient, pgSettings } as Access, input as Input),
  );
}

/** Calls a function of SQL with texts, by the names of its arguments, and makes its result the payload's. */
function call(resource: PgResource, fieldArgs: FieldArgs, texts: Readonly<Record<string, Step>>) {
  const $result = resource.execute(
    Object.entries(texts).map(([name, step]) => ({ name, step, pgCodec: TYPES.text })),
    "mutation",
  );
  return object({ result: $result, clientMutationId: fieldArgs.getRaw(["input", "clientMutationId"]) });
}

export function planLogIn(log_in: PgResource, _$root: Step, fieldArgs: FieldArgs) {
  const $proof = prepared(fieldArgs, prove);
  return call(log_in, fieldArgs, {
    email: fieldArgs.getRaw(["input", "email"]),
    password_hash: access($proof, "hash"),
    password: access($proof, "password"),
    device_name: fieldArgs.getRaw(["input", "deviceName"]),
  });
}

export function planRegistration(register: PgResource, _$root: Step, fieldArgs: FieldArgs) {
  return call(register, fieldArgs, {
    email: fieldArgs.getRaw(["input", "email"]),
    password_hash: access(prepared(fieldArgs, hashNew), "hash"),
    display_name: fieldArgs.getRaw(["input", "displayName"]),
  });
}

export function planConfirmation(confirm_registration: PgResource, _$root: Step, fieldArgs: FieldArgs) {
  return call(confirm_registration, fieldArgs, {
    code: fieldArgs.getRaw(["input", "code"]),
    password_hash: access(prepared(fieldArgs, proveRegistration), "hash"),
    device_name: fieldArgs.getRaw(["input", "deviceName"]),
  });
}

export function planPasswordChange(change_password: PgResource, _$root: Step, fieldArgs: FieldArgs) {
  const $proof = prepared(fieldArgs, proveAndHash);
  return call(change_password, fieldArgs, {
    current_password_hash: access($proof, "hash"),
    new_password_hash: access($proof, "newHash"),
    current_password: access($proof, "password"),
  });
}

const PAYLOAD = { plans: { query: planQuery } };

/**
 * `logIn`, `register`, `confirmRegistration` and `changePassword`: passwords are hashed here, with Argon2id and no connection held meanwhile; SQL
 * compares the hashes, so that none leaves the database, and counts the attempts.
 */
export const PasswordsPlugin: GraphileConfig.Plugin = extendSchema((build) => {
  const { log_in, register, confirm_registration, change_password } = build.pgResources;
  if (!log_in || !register || !confirm_registration || !change_password) {
    return { typeDefs: [] };
  }
  return {
    typeDefs: PASSWORD_TYPES,
    objects: {
      Mutation: {
        plans: {
          logIn: bound(planLogIn, log_in),
          register: bound(planRegistration, register),
          confirmRegistration: bound(planConfirmation, confirm_registration),
          changePassword: bound(planPasswordChange, change_password),
        },
      },
      LogInPayload: PAYLOAD,
      RegisterPayload: PAYLOAD,
      ConfirmRegistrationPayload: PAYLOAD,
      ChangePasswordPayload: PAYLOAD,
    },
  };
}, "PasswordsPlugin");
