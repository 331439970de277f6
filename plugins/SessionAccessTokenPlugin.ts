import { context, lambda, list } from "grafast";
import { extendSchema, gql } from "graphile-utils";
import type { PgCodecWithAttributes, PgSelectSingleStep } from "postgraphile/@dataplan/pg";

import type { TokenSubject } from "../src/auth/signToken.ts";
import { isSessionGrant } from "./EndedSessionPlugin.ts";

declare global {
  // eslint-disable-next-line @typescript-eslint/no-namespace -- how Grafast learns of the context's members
  namespace Grafast {
    interface Context {
      /** Signs the access token of a session that the database has just opened. */
      signToken?: (subject: TokenSubject) => string;
    }
  }
}

export function planAccessToken($grant: PgSelectSingleStep) {
  const $parts = list([context().get("signToken"), $grant.get("user_id"), $grant.get("session_id")]);
  return lambda($parts, ([signToken, userId, sessionId]) => {
    if (!signToken) {
      throw new Error("An access token was asked for where none is signed.");
    }
    return signToken({ userId: String(userId), sessionId: String(sessionId) });
  });
}

/** `accessToken`, of what the mutations that open or continue a session return. */
export const SessionAccessTokenPlugin: GraphileConfig.Plugin = extendSchema((build) => {
  const codec = Object.values(build.pgCodecs).find(isSessionGrant);
  if (!codec) {
    return { typeDefs: [] };
  }
  const typeName = build.inflection.tableType(codec as PgCodecWithAttributes);
  return {
    typeDefs: gql`
        extend type ${typeName} {
          """
          The token to send as \`Authorization: Bearer …\`. It lasts 15 minutes; refreshSession gives the next one.
          """
          accessToken: String!
        }
      `,
    objects: {
      [typeName]: {
        plans: { accessToken: planAccessToken },
      },
    },
  };
}, "SessionAccessTokenPlugin");
