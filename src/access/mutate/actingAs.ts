import type { Client } from "pg";

import type { Login } from "../world/rolledBack.ts";

/** Who a login is, and for whom it acts from the start. */
const SESSIONS: Record<Login, string> = {
  superuser: "",
  gateway: "set local session authorization app_authenticator",
  worker: "set local session authorization app_worker",
  data: "set local session authorization app_migrator; set local role app_data",
  owner: "set local session authorization app_migrator; set local role app_owner",
};
/** Neither wanted nor possible inside of the transaction that holds the mutant. */
const TRANSACTIONS: Record<string, (login: Login) => string> = {
  begin: (login) => `savepoint acting; ${SESSIONS[login]}`,
  rollback: () => "rollback to savepoint acting",
};

/**
 * A superuser's open transaction in the place of a connection as one of the logins: its transactions become savepoints,
 * in which Postgres holds the session to be that login's in every respect. So what nobody has committed can be tried as
 * anybody, on a connection that knows the catalogue already.
 */
export function actingAs(client: Client, login: Login): Client {
  return new Proxy(client, {
    get(target, property) {
      switch (property) {
        case "query":
          return (text: unknown, ...values: unknown[]) => {
            const replaced = typeof text === "string" ? TRANSACTIONS[text]?.(login) : undefined;
            return target.query((replaced ?? text) as string, ...(values as [unknown[]]));
          };
        case "end":
          return () => Promise.resolve();
        default: {
          const value: unknown = Reflect.get(target, property);
          return typeof value === "function" ? value.bind(target) : value;
        }
      }
    },
  });
}
