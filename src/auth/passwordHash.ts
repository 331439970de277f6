import { hash } from "@node-rs/argon2";

import { AppError } from "../errors/AppError.ts";

/** How a hash is made: what its text begins with, in the PHC format. */
interface HashParameters {
  memoryCost: number;
  timeCost: number;
  parallelism: number;
  salt: Uint8Array;
}

const MINIMUM_CHARACTERS = 12;
/** Nobody types more, and hashing must not be a way to make work. */
const MAXIMUM_BYTES = 512;
/** OWASP's second choice of parameters, of equal strength: 19 MiB, two passes, some tens of milliseconds. */
const PARAMETERS = { memoryCost: 19_456, timeCost: 2, parallelism: 1 };
const SALT_BYTES = 16;
const PREFIX_PATTERN = /^\$argon2id\$v=19\$m=(\d+),t=(\d+),p=(\d+)\$([A-Za-z0-9+/]+)$/;

/** Throws BAD_USER_INPUT for a password that nobody should choose. */
export function assertAcceptablePassword(password: string): void {
  if (password.length < MINIMUM_CHARACTERS || Buffer.byteLength(password, "utf8") > MAXIMUM_BYTES) {
    throw new AppError(
      "BAD_USER_INPUT",
      `The password must have at least ${MINIMUM_CHARACTERS} characters and at most ${MAXIMUM_BYTES} bytes.`,
    );
  }
}

/**
 * The Argon2id hash of a password, outside of any transaction and off the main thread.
 *
 * @param prefix what the hash to compare with begins with; null makes a new one, with a salt of its own.
 */
export function hashPassword(password: string, prefix: string | null = null): Promise<string> {
  const parameters = prefix === null ? newParameters() : parsePrefix(prefix);
  // A password too long was never accepted; hashing what it begins with costs the same as any.
  const bytes = Buffer.from(password, "utf8").subarray(0, MAXIMUM_BYTES + 1);
  // Argon2id is what the library makes unless told otherwise.
  return hash(bytes, parameters);
}

function newParameters(): HashParameters {
  return { ...PARAMETERS, salt: crypto.getRandomValues(new Uint8Array(SALT_BYTES)) };
}

function parsePrefix(prefix: string): HashParameters {
  const [, memoryCost, timeCost, parallelism, salt] = PREFIX_PATTERN.exec(prefix) ?? [];
  if (salt === undefined) {
    throw new Error(
      "A password hash in the database must be one of Argon2id, version 19; got something else.",
    );
  }
  return {
    memoryCost: Number(memoryCost),
    timeCost: Number(timeCost),
    parallelism: Number(parallelism),
    salt: Buffer.from(salt, "base64"),
  };
}
