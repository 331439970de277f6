import { lambda, list } from "grafast";
import { extendSchema, gql } from "graphile-utils";
import type { PgCodecWithAttributes, PgSelectSingleStep } from "postgraphile/@dataplan/pg";

import type { TokenSubject } from "../src/auth/signToken.ts";
import { isSessionGrant } from "./EndedSessionPlugin.ts";

/** `signToken` signs the access token of a session that the database has just opened. */
export function makeSessionAccessTokenPlugin(
  signToken: (subject: TokenSubject) => string,
): GraphileConfig.Plugin {
  return extendSchema((build) => {
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
          plans: {
            accessToken($grant: PgSelectSingleStep) {
              return lambda(list([$grant.get("user_id"), $grant.get("session_id")]), ([userId, sessionId]) =>
                signToken({ userId: String(userId), sessionId: String(sessionId) }),
              );
            },
          },
        },
      },
    };
  }, "SessionAccessTokenPlugin");
}
