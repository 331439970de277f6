import "graphile-build";

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

/** What is used here of graphile-build's class, which it does not export. */
interface BehaviorLike extends Record<`${string}Behavior`, (entity: unknown) => string> {
  entityMatches: EntityMatches;
  getPreferencesAppliedBehaviors: ApplyPreferences;
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

/** A map, weak or not. */
interface Keeping<Key, Value> {
  get(key: Key): Value | undefined;
  set(key: Key, value: Value): unknown;
}

/** The value of `key`, made when it is asked for the first time. */
function kept<Key, Value>(map: Keeping<Key, Value>, key: Key, make: () => Value): Value {
  let value = map.get(key);
  if (value === undefined) {
    value = make();
    map.set(key, value);
  }
  return value;
}

function rememberMatches(entityMatches: EntityMatches): EntityMatches {
  // The long string is a key of its own: equal ones are mostly the same object, and need no comparison then.
  const answersOf = new WeakMap<BehaviorLike, Map<string, Map<string, { isShown: boolean | undefined }>>>();
  return function (entityType, entity, filter) {
    const behavior = this[`${entityType}Behavior`]?.(entity) ?? "";
    const answers = kept(
      kept(answersOf, this, () => new Map()),
      behavior,
      () => new Map(),
    );
    return kept(answers, `${entityType}\n${filter}`, () => ({
      isShown: entityMatches.call(this, entityType, entity, filter),
    })).isShown;
  };
}

function rememberPreferences(apply: ApplyPreferences): ApplyPreferences {
  const appliedOf = new WeakMap<BehaviorLike, Map<string, Map<string, { text: string; step: unknown }>>>();
  return function (entityType, inferred, override) {
    const applied = kept(
      kept(appliedOf, this, () => new Map()),
      inferred.behaviorString,
      () => new Map(),
    );
    const { text, step } = kept(applied, `${entityType}\n${override.behaviorString}`, () => {
      const { behaviorString, stack } = apply.call(this, entityType, inferred, override);
      return { text: behaviorString, step: stack[inferred.stack.length] };
    });
    return {
      behaviorString: text,
      stack: [...inferred.stack, step, ...override.stack],
      toString: () => text,
    };
  };
}
