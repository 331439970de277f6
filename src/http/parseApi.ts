import { isIP } from "node:net";
import { resolve } from "node:path";

/** How the API shows itself to clients. */
export interface ApiConfig {
  /** Whether `/` shows the explorer. */
  isExplorerServed: boolean;
  /** Whether documents may ask for the schema, and errors suggest names of it. */
  isSchemaShown: boolean;
  /** Whether queries that are plain trees of selects are answered by one statement each (src/compiledReads). */
  areReadsCompiled: boolean;
  /** The file of `bailiwick schema compile` to load the API from; null: built from the catalogue, as always in development. */
  schemaFile: string | null;
  /** Other origins whose pages may use the API, exactly as browsers write them. */
  corsOrigins: readonly string[];
  /** Addresses or networks of proxies whose X-Forwarded-For is believed. */
  trustedProxies: readonly string[];
}

interface Reader {
  problems: string[];
  text(name: string): string | null;
  boolean(name: string, fallback: boolean): boolean;
}

/** Production shows neither explorer nor introspection unless it is asked to. */
export function parseApi(read: Reader, environment: "development" | "test" | "production"): ApiConfig {
  const isOpen = environment !== "production";
  const schemaFile = environment === "development" ? null : read.text("GATEWAY_SCHEMA_FILE");
  return {
    isExplorerServed: read.boolean("EXPLORER", isOpen),
    isSchemaShown: read.boolean("INTROSPECTION", isOpen),
    areReadsCompiled: read.boolean("COMPILED_READS", true),
    schemaFile: schemaFile === null ? null : resolve(schemaFile),
    corsOrigins: readList(read, "CORS_ORIGINS", isOrigin, "an origin such as https://app.example.com"),
    trustedProxies: readList(read, "TRUSTED_PROXIES", isNetwork, "an address, a network or 'loopback'"),
  };
}

function readList(read: Reader, name: string, isValid: (entry: string) => boolean, kind: string): string[] {
  const entries = (read.text(name) ?? "").split(",").map((entry) => entry.trim());
  const given = entries.filter((entry) => entry !== "");
  for (const entry of given.filter((candidate) => !isValid(candidate))) {
    read.problems.push(`${name} must list, with commas, each ${kind}; got '${entry}'`);
  }
  return given;
}

/** Whether a text is an origin as browsers send it: no path, no wildcard, no upper case. */
function isOrigin(text: string): boolean {
  const url = URL.parse(text);
  return url !== null && /^https?:$/.test(url.protocol) && url.origin === text;
}

function isNetwork(text: string): boolean {
  const [address = "", prefix = "0"] = text.split("/");
  return text === "loopback" || (isIP(address) !== 0 && /^\d{1,3}$/.test(prefix) && Number(prefix) <= 128);
}
