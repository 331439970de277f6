/** Signs tokens for people whom somebody else knows: Clerk, Supabase, any provider of OpenID Connect. */
export interface OutsideIssuer {
  /** Says where a provider puts its facts, and what its ids mean to us. */
  kind: "clerk" | "supabase" | "oidc";
  /** The `iss` of its tokens, and with their `sub` the key of app_private.user_identities. */
  issuer: string;
  /** One of them must be in `aud`; null where the provider sends none (Clerk). */
  audience: readonly string[] | null;
  /** One of them must be `azp`; null where anybody's application may send tokens. */
  authorizedParties: readonly string[] | null;
  keys: { jwksUri: string } | { secret: string };
  algorithms: readonly Algorithm[];
  /** Whether somebody seen for the first time becomes a user. */
  createsUsers: boolean;
  /** Whether an address in a token without `email_verified` was proven nevertheless. */
  emailsAreVerified: boolean;
  /** Whether somebody seen for the first time is the user who has proven the same address here. */
  linksVerifiedEmails: boolean;
}

export type Algorithm = (typeof ASYMMETRIC_ALGORITHMS)[number] | "HS256";

const ASYMMETRIC_ALGORITHMS = ["RS256", "ES256"] as const;
const KINDS = ["clerk", "supabase", "oidc"] as const;
const MINIMUM_SECRET_LENGTH = 32;
const NAMES = [
  "kind",
  "issuer",
  "audience",
  "authorizedParties",
  "jwksUri",
  "secret",
  "algorithms",
  "createsUsers",
  "emailsAreVerified",
  "linksVerifiedEmails",
];

/** The one outside issuer of JWKS_URI, JWT_ISSUER and JWT_AUDIENCE. The only way in, so it makes users. */
export function soleIssuer(jwksUri: string, issuer: string, audience: string): OutsideIssuer {
  return {
    kind: "oidc",
    issuer,
    audience: [audience],
    authorizedParties: null,
    keys: { jwksUri },
    algorithms: ASYMMETRIC_ALGORITHMS,
    createsUsers: true,
    emailsAreVerified: false,
    linksVerifiedEmails: false,
  };
}

/**
 * Reads the JSON of JWT_ISSUERS, a list of objects; docs/authentication.md shows one for each provider. What is wrong with
 * it goes to `problem`, without any value that may be secret; an entry that is wrong is left out.
 */
export function parseOutsideIssuers(json: string, problem: (sentence: string) => void): OutsideIssuer[] {
  let entries: unknown;
  try {
    entries = JSON.parse(json);
  } catch {
    problem("JWT_ISSUERS must be JSON; it cannot be parsed");
    return [];
  }
  if (!Array.isArray(entries)) {
    problem("JWT_ISSUERS must be a list of issuers: [{ … }]");
    return [];
  }
  const issuers = entries.flatMap((entry, index) => {
    const place = `JWT_ISSUERS[${index}]`;
    return parseIssuer(entry, (sentence) => problem(`${place} ${sentence}`)) ?? [];
  });
  const names = issuers.map(({ issuer }) => issuer);
  for (const name of new Set(names.filter((each, index) => names.indexOf(each) !== index))) {
    problem(`JWT_ISSUERS names '${name}' twice`);
  }
  return issuers;
}

function parseIssuer(entry: unknown, report: (sentence: string) => void): OutsideIssuer | null {
  if (typeof entry !== "object" || entry === null || Array.isArray(entry)) {
    report("must be an object");
    return null;
  }
  const fields = entry as Record<string, unknown>;
  let isRight = true;
  const problem = (sentence: string) => {
    isRight = false;
    report(sentence);
  };
  for (const name of Object.keys(fields).filter((each) => !NAMES.includes(each))) {
    problem(`has '${name}', which means nothing; known are ${NAMES.join(", ")}`);
  }
  const read = makeFieldReader(fields, problem);
  const kind = KINDS.find((each) => each === (fields.kind ?? "oidc"));
  if (!kind) {
    problem(`needs a kind that is one of ${KINDS.join(", ")}`);
  }
  const issuer = read.text("issuer");
  if (issuer === null) {
    problem("needs an issuer: the 'iss' of its tokens");
  }
  const audience = read.texts("audience") ?? (kind === "supabase" ? ["authenticated"] : null);
  const authorizedParties = read.texts("authorizedParties");
  if (audience === null && authorizedParties === null) {
    problem(
      "needs an audience or authorizedParties: tokens for other applications would be accepted otherwise",
    );
  }
  const secret = read.text("secret");
  if (secret !== null && secret.length < MINIMUM_SECRET_LENGTH) {
    problem(`needs a secret of at least ${MINIMUM_SECRET_LENGTH} characters`);
  }
  const jwksUri = read.text("jwksUri") ?? (kind === "oidc" ? null : `${issuer}/.well-known/jwks.json`);
  if (secret === null && !["http:", "https:"].includes(URL.parse(jwksUri ?? "")?.protocol ?? "")) {
    problem("needs a jwksUri (http:// or https://) or a secret");
  }
  const algorithms = readAlgorithms(fields.algorithms, secret !== null, problem);
  const flags = {
    createsUsers: read.flag("createsUsers"),
    emailsAreVerified: read.flag("emailsAreVerified"),
    linksVerifiedEmails: read.flag("linksVerifiedEmails"),
  };
  if (!isRight || !kind || issuer === null) {
    return null;
  }
  const keys = secret === null ? { jwksUri: jwksUri ?? "" } : { secret };
  return { kind, issuer, audience, authorizedParties, keys, algorithms, ...flags };
}

/** A secret is for HS256 and a published key for the others: a token cannot mix them up. */
function readAlgorithms(
  value: unknown,
  isSecret: boolean,
  problem: (sentence: string) => void,
): readonly Algorithm[] {
  const possible: readonly Algorithm[] = isSecret ? ["HS256"] : ASYMMETRIC_ALGORITHMS;
  if (value === undefined) {
    return possible;
  }
  const wanted = Array.isArray(value) ? (value as unknown[]) : [value];
  const known = possible.filter((each) => wanted.includes(each));
  if (known.length === 0 || known.length !== wanted.length) {
    problem(`needs algorithms from ${possible.join(", ")}`);
  }
  return known;
}

function makeFieldReader(fields: Record<string, unknown>, problem: (sentence: string) => void) {
  const text = (name: string): string | null => {
    const value = fields[name] ?? null;
    if (value !== null && (typeof value !== "string" || value === "")) {
      problem(`needs '${name}' to be a text`);
      return null;
    }
    return value as string | null;
  };
  return {
    text,
    texts(name: string): readonly string[] | null {
      const value = fields[name];
      if (!Array.isArray(value)) {
        const single = text(name);
        return single === null ? null : [single];
      }
      if (value.length === 0 || !value.every((each) => typeof each === "string" && each !== "")) {
        problem(`needs '${name}' to be a text or a list of texts`);
      }
      return value as string[];
    },
    flag(name: string): boolean {
      const value = fields[name] ?? false;
      if (typeof value !== "boolean") {
        problem(`needs '${name}' to be true or false`);
      }
      return value === true;
    },
  };
}
