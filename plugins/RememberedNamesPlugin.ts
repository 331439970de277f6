import "graphile-build-pg";

import { kept } from "./kept.ts";

type Rename = (text: string) => string;

/** What each function has answered; a build has functions of its own. */
const answersOf = new WeakMap<Rename, Map<string, string>>();

/** @param rename is a function of its text alone. */
function remembered(rename: Rename | undefined, text: string): string {
  return rename
    ? kept(
        kept(answersOf, rename, () => new Map<string, string>()),
        text,
        () => rename(text),
      )
    : text;
}

/**
 * A few hundred names are transliterated and put into singular and plural thousands of times while a schema is built, which
 * took a tenth of it.
 */
export const RememberedNamesPlugin: GraphileConfig.Plugin = {
  name: "RememberedNamesPlugin",
  description: "Builds the schema faster by working out no name twice",
  version: "1.0.0",
  after: ["TransliterationPlugin", "PgSimplifyInflectionPlugin"],
  inflection: {
    replace: {
      coerceToGraphQLName: (previous, _preset, name) => remembered(previous, name),
      singularize: (previous, _preset, word) => remembered(previous, word),
      pluralize: (previous, _preset, word) => remembered(previous, word),
    },
  },
};
