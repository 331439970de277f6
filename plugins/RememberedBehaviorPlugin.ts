import "graphile-build";

import { kept } from "./kept.ts";

type EntityMatches = (
  this: BehaviorLike,
  entityType: string,
  entity: unknown,
  filter: string,
) => boolean | undefined;

interface ResolvedBehavior {
  behaviorString: string;
  /** Where each part came from, for `graphile behavior debug`. */
  stack: readonly unknown[];
  toString(): string;
}

type ApplyPreferences = (
  this: BehaviorLike,
  entityType: string,
  inferred: ResolvedBehavior,
  override: ResolvedBehavior,
) => ResolvedBehavior;

/** One part of a behavior: `-query:resource:list` is not positive, of three words. */
interface Spec {
  positive: boolean;
  scope: readonly string[];
}

/** What is used here of graphile-build's class, which it does not export. */
interface BehaviorLike extends Record<`${string}Behavior`, (entity: unknown) => string> {
  entityMatches: EntityMatches;
  getPreferencesAppliedBehaviors: ApplyPreferences;
  parseBehaviorString: (behavior: string) => Spec[];
}

const remembering = new WeakSet<BehaviorLike>();

/**
 * Whether an entity shows a behavior is asked tens of thousands of times while a schema is built, and graphile-build works
 * out and parses the same strings each time, which took more than half of the build. The answers depend on those strings
 * alone, so each schema's are kept. `watch` owes to this that a saved file is served within two seconds.
 */
export const RememberedBehaviorPlugin: GraphileConfig.Plugin = {
  name: "RememberedBehaviorPlugin",
  description: "Builds the schema faster by asking no question about behavior twice",
  version: "1.0.0",
  schema: {
    hooks: {
      init(input, build) {
        remember(Object.getPrototypeOf(build.behavior));
        return input;
      },
    },
  },
};

/** The object itself is frozen by now; its class is not, and has to be changed only once. */
function remember(prototype: BehaviorLike): void {
  if (remembering.has(prototype)) {
    return;
  }
  remembering.add(prototype);
  prototype.entityMatches = rememberMatches(prototype.entityMatches);
  prototype.getPreferencesAppliedBehaviors = rememberPreferences(prototype.getPreferencesAppliedBehaviors);
}

interface Parsed {
  specs: readonly Spec[];
  /** By filter. */
  answers: Map<string, { isShown: boolean | undefined }>;
}

function rememberMatches(entityMatches: EntityMatches): EntityMatches {
  const parsedOf = new WeakMap<BehaviorLike, Map<string, Parsed>>();
  const askedOf = new WeakMap<BehaviorLike, Set<string>>();
  return function (entityType, entity, filter) {
    const asked = kept(askedOf, this, () => new Set());
    const question = `${entityType}\n${filter}`;
    // The first of its kind is looked up in the registry of behaviors, which may complain. A wildcard is matched there too.
    if (!asked.has(question) || filter.includes("*")) {
      asked.add(question);
      return entityMatches.call(this, entityType, entity, filter);
    }
    const behavior = this[`${entityType}Behavior`]?.(entity) ?? "";
    const { specs, answers } = kept(
      kept(parsedOf, this, () => new Map<string, Parsed>()),
      behavior,
      () => ({ specs: this.parseBehaviorString(behavior), answers: new Map() }),
    );
    return kept(answers, filter, () => ({ isShown: lastMatching(specs, filter)?.positive })).isShown;
  };
}

/** The part that decides about a filter without wildcards: the last whose words are the filter's last ones. */
function lastMatching(specs: readonly Spec[], filter: string): Spec | undefined {
  const words = filter.split(":");
  return specs.findLast(({ scope }) => {
    const offset = words.length - scope.length;
    return offset >= 0 && scope.every((word, index) => word === "*" || word === words[offset + index]);
  });
}

function rememberPreferences(apply: ApplyPreferences): ApplyPreferences {
  const appliedOf = new WeakMap<BehaviorLike, Map<string, string>>();
  const nothing: ResolvedBehavior = { behaviorString: "", stack: [] };
  return function (entityType, inferred, override) {
    const applied = kept(appliedOf, this, () => new Map());
    // Preferences apply to each part by itself.
    const parts = inferred.behaviorString
      .split(/\s+/)
      .map((part) =>
        kept(
          applied,
          `${entityType}\n${part}`,
          () => apply.call(this, entityType, { behaviorString: part, stack: [] }, nothing).behaviorString,
        ),
      );
    const preferred = parts.filter((part) => part !== "").join(" ");
    const text = [preferred, override.behaviorString].filter((part) => part !== "").join(" ");
    return {
      behaviorString: text,
      stack: [
        ...inferred.stack,
        { source: `__ApplyBehaviors_${entityType}__`, prefix: "", suffix: `-* ${preferred}` },
        ...override.stack,
      ],
      toString: () => text,
    };
  };
}
