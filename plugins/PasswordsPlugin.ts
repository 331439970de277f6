import "graphile-build-pg";

import { access, constant, context, type FieldArgs, list, object, sideEffect, type Step } from "grafast";
import { extendSchema, gql } from "graphile-utils";
import type { PgResource } from "postgraphile/@dataplan/pg";
import { TYPES } from "postgraphile/@dataplan/pg";

import { assertAcceptablePassword, hashPassword } from "../src/auth/passwordHash.ts";
import { AppError } from "../src/errors/AppError.ts";

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

const TYPE_DEFINITIONS = gql`
  """
  What logIn takes.
  """
  input LogInInput {
    """
    Comes back in the payload.
    """
    clientMutationId: String
    """
    The address of the account, in any case.
    """
    email: String!
    """
    The password of the account.
    """
    password: String!
    """
    What the person calls the device, to find the session by; at most 100 characters.
    """
    deviceName: String
  }

  """
  What logIn answers.
  """
  type LogInPayload {
    """
    What the input said.
    """
    clientMutationId: String
    """
    The root of all queries.
    """
    query: Query
    """
    The session that was opened.
    """
    result: SessionGrant
  }

  """
  What register takes.
  """
  input RegisterInput {
    """
    Comes back in the payload.
    """
    clientMutationId: String
    """
    What others see.
    """
    displayName: String
    """
    The address to sign in with.
    """
    email: String!
    """
    At least 12 characters.
    """
    password: String!
  }

  """
  What register answers.
  """
  type RegisterPayload {
    """
    What the input said.
    """
    clientMutationId: String
    """
    The root of all queries.
    """
    query: Query
    """
    True: a mail is on its way to the address. That is all there is to learn here.
    """
    result: Boolean
  }

  """
  What changePassword takes.
  """
  input ChangePasswordInput {
    """
    Comes back in the payload.
    """
    clientMutationId: String
    """
    The password of now.
    """
    currentPassword: String!
    """
    The password from now on: at least 12 characters.
    """
    newPassword: String!
  }

  """
  What changePassword answers.
  """
  type ChangePasswordPayload {
    """
    What the input said.
    """
    clientMutationId: String
    """
    The root of all queries.
    """
    query: Query
    """
    How many other sessions have ended by it.
    """
    result: Int
  }

  extend type Mutation {
    """
    Signs in with an e-mail address and a password. After ten failures within a quarter of an hour the account, and after
    fifty the network address, has to wait: TOO_MANY_REQUESTS.
    """
    logIn(input: LogInInput!): LogInPayload
    """
    Asks for an account with an e-mail address and a password of 12 characters or more. The account is made by
    confirmRegistration, with the code that is mailed to the address. The answer is the same for an address that has an
    account already, whose owner is told by mail.
    """
    register(input: RegisterInput!): RegisterPayload
    """
    Replaces the password of the person who is signed in, and ends all of their other sessions.
    """
    changePassword(input: ChangePasswordInput!): ChangePasswordPayload
  }
`;

/** Runs in a transaction of its own, which is committed whatever becomes of the sign-in: attempts stay counted. */
async function ask<Row>({ withPgClient, pgSettings }: Access, text: string, values: unknown[]): Promise<Row> {
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

const PAYLOAD = { plans: { query: () => constant(true) } };

/**
 * `logIn`, `register` and `changePassword`: passwords are hashed here, with Argon2id and no connection held meanwhile; SQL
 * compares the hashes, so that none leaves the database, and counts the attempts.
 */
export const PasswordsPlugin: GraphileConfig.Plugin = extendSchema((build) => {
  const { log_in, register, change_password } = build.pgResources;
  if (!log_in || !register || !change_password) {
    return { typeDefs: [] };
  }
  return {
    typeDefs: TYPE_DEFINITIONS,
    objects: {
      Mutation: {
        plans: {
          logIn(_$root: Step, fieldArgs: FieldArgs) {
            const $proof = prepared(fieldArgs, prove);
            return call(log_in, fieldArgs, {
              email: fieldArgs.getRaw(["input", "email"]),
              password_hash: access($proof, "hash"),
              password: access($proof, "password"),
              device_name: fieldArgs.getRaw(["input", "deviceName"]),
            });
          },
          register(_$root: Step, fieldArgs: FieldArgs) {
            return call(register, fieldArgs, {
              email: fieldArgs.getRaw(["input", "email"]),
              password_hash: access(prepared(fieldArgs, hashNew), "hash"),
              display_name: fieldArgs.getRaw(["input", "displayName"]),
            });
          },
          changePassword(_$root: Step, fieldArgs: FieldArgs) {
            const $proof = prepared(fieldArgs, proveAndHash);
            return call(change_password, fieldArgs, {
              current_password_hash: access($proof, "hash"),
              new_password_hash: access($proof, "newHash"),
              current_password: access($proof, "password"),
            });
          },
        },
      },
      LogInPayload: PAYLOAD,
      RegisterPayload: PAYLOAD,
      ChangePasswordPayload: PAYLOAD,
    },
  };
}, "PasswordsPlugin");
