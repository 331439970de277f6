/** What plugins keep with a table from its introspection on. */
declare namespace DataplanPg {
  interface PgCodecExtensions {
    /** Of InputFieldsPlugin. */
    refusals?: readonly {
      place: { schema?: string; table?: string; column?: string; constraint?: string };
      columns: readonly string[];
    }[];
  }
}
