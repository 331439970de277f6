import "graphile-build-pg";

/** What the Relay preset takes from primary and foreign keys. */
const BEHAVIOR_OF_IDENTIFIERS = [
  "select",
  "filterBy",
  "orderBy",
  "attribute:filterBy",
  "attribute:insert",
  "attribute:update",
  "attribute:base",
] as const satisfies GraphileBuild.BehaviorString[];

/**
 * The Relay preset hides primary and foreign keys behind node ids. Here `id` is the node id, `rowId` the uuid, and
 * every other `…Id` a uuid as well, in outputs, inputs and filters alike; so are references by a word. Node ids in inputs (PgNodeIdAttributesPlugin,
 * disabled in the preset) would not work for composite foreign keys anyway: they hold the primary key only.
 */
export const RowIdentifiersPlugin: GraphileConfig.Plugin = {
  name: "RowIdentifiersPlugin",
  description: "Shows uuids of rows and of references beside the global node id",
  version: "1.0.0",
  after: ["PgRelayPlugin"],
  schema: {
    entityBehavior: {
      pgCodecAttribute: {
        inferred: {
          after: ["inferred"],
          // PgRBACPlugin and PgIndexBehaviorsPlugin take away again what is not granted or not indexed.
          before: ["postInferred"],
          provides: ["rowIdentifiers"],
          callback(behavior, [codec, attributeName], build) {
            const isUuid = codec.attributes[attributeName]?.codec.name === "uuid";
            // Keys that are words, such as `metricKey`, are what clients write and filter by.
            const isReference = Object.values(build.input.pgRegistry.pgRelations[codec.name] ?? {}).some(
              ({ isReferencee, localAttributes }) => !isReferencee && localAttributes.includes(attributeName),
            );
            return isUuid || isReference ? [behavior, ...BEHAVIOR_OF_IDENTIFIERS] : behavior;
          },
        },
      },
      pgResourceUnique: {
        // Not inferred: what the Relay preset disables globally, an inferred behavior cannot enable again.
        override: {
          before: ["override"],
          provides: ["rowIdentifiers"],
          /** One row is fetched by its id; other unique keys serve the database, unless their comment says otherwise. */
          callback: (behavior, [, unique]) => [
            behavior,
            unique.isPrimary ? "query:resource:single" : "-single",
          ],
        },
      },
    },
  },
};
