declare module "pg/lib/utils.js" {
  /** A JavaScript value as Postgres' text format; what pg itself binds parameters with. */
  export function prepareValue(value: unknown): string | Buffer | null;
}
