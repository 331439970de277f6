import { randomBytes } from "node:crypto";
import { existsSync, linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

/** What a development installation needs to keep between starts; production takes its own from the environment. */
export interface DevelopmentSecrets {
  superuserPassword: string;
  roleSecret: string;
  jwtSecret: string;
  /** 32 bytes in base64. */
  integrationKey: string;
}

/** Reads `secrets.json` of a data folder, making it (readable by its owner only) when it is not there. */
export function developmentSecrets(dataDir: string): DevelopmentSecrets {
  const file = join(dataDir, "secrets.json");
  if (!existsSync(file)) {
    createOnce(file, {
      superuserPassword: makeSecret(),
      roleSecret: makeSecret(),
      jwtSecret: makeSecret(),
      integrationKey: randomBytes(32).toString("base64"),
    });
  }
  try {
    return parseSecrets(readFileSync(file, "utf8"));
  } catch (cause) {
    throw new Error(
      `'${file}' cannot be used (${(cause as Error).message}): restore it, or start over with an empty DATA_DIR.`,
      { cause },
    );
  }
}

function makeSecret(): string {
  return randomBytes(32).toString("hex");
}

/** Two processes that start at once end up with the same secrets: a link, unlike a write, fails if the name is taken. */
function createOnce(file: string, secrets: DevelopmentSecrets): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  const draft = `${file}.${process.pid}`;
  writeFileSync(draft, `${JSON.stringify(secrets, null, 2)}\n`, { mode: 0o600 });
  try {
    linkSync(draft, file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") {
      throw error;
    }
  } finally {
    rmSync(draft);
  }
}

function parseSecrets(text: string): DevelopmentSecrets {
  const content = JSON.parse(text) as Partial<Record<keyof DevelopmentSecrets, unknown>>;
  const read = (name: keyof DevelopmentSecrets): string => {
    const value = content[name];
    if (typeof value !== "string" || value === "") {
      throw new Error(`it must hold the string '${name}'`);
    }
    return value;
  };
  return {
    superuserPassword: read("superuserPassword"),
    roleSecret: read("roleSecret"),
    jwtSecret: read("jwtSecret"),
    integrationKey: read("integrationKey"),
  };
}
