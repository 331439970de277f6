import "@graphile/pg-aggregates";
import "graphile-build-pg";

import { isFunction } from "./EndedSessionPlugin.ts";

const NUMERIC_TYPES = new Set(["int2", "int4", "int8", "float4", "float8", "numeric", "money", "interval"]);

// The plugin's behaviors are missing from the types of behavior strings.
const WITHOUT_AGGREGATES = ["-attribute:aggregate", "-attribute:groupBy"] as GraphileBuild.BehaviorString[];
const WITHOUT_COMPUTED_COLUMNS = ["-resource:aggregate"] as GraphileBuild.BehaviorString[];
const WITHOUT_STATISTICS = [
  "-resource:groupedAggregates:having",
  "-stddevSample:resource:aggregates",
  "-stddevPopulation:resource:aggregates",
  "-varianceSample:resource:aggregates",
  "-variancePopulation:resource:aggregates",
] as GraphileBuild.BehaviorString[];

/**
 * Aggregates that an index or the size of a page can pay for: sums and averages of numbers, groups by indexed columns,
 * distinct counts of indexed columns. No statistics, no `having`; sorting and filtering by aggregates are plugins that
 * the preset disables.
 */
export const AffordableAggregatesPlugin: GraphileConfig.Plugin = {
  name: "AffordableAggregatesPlugin",
  description: "Offers aggregates of numeric and indexed columns only",
  version: "1.0.0",
  schema: {
    entityBehavior: {
      pgCodecAttribute: {
        inferred: {
          after: ["postInferred"],
          provides: ["affordableAggregates"],
          callback(behavior, [codec, attributeName]) {
            const attribute = codec.attributes[attributeName];
            if (!attribute) {
              return behavior;
            }
            const isIndexed = attribute.extensions?.isIndexed !== false;
            // pg-aggregates would count the values of a column that nobody may select.
            const isVisible = attribute.extensions?.canSelect !== false;
            return isVisible && (isIndexed || NUMERIC_TYPES.has(attribute.codec.name))
              ? behavior
              : [behavior, ...WITHOUT_AGGREGATES];
          },
        },
      },
      pgResource: {
        inferred: {
          after: ["postInferred"],
          provides: ["affordableAggregates"],
          callback: (behavior, resource) => [
            behavior,
            ...WITHOUT_STATISTICS,
            // A computed column would be called for every row of the connection.
            ...(isFunction(resource) ? WITHOUT_COMPUTED_COLUMNS : []),
          ],
        },
      },
    },
  },
};
