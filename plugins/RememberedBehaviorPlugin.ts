import "graphile-build";

type EntityMatches = (
  this: BehaviorLike,
  entityType: string,
  entity: unknown,
  filter: string,
) => boolean | undefined;

/** What is used here of graphile-build's class, which it does not export. */
interface BehaviorLike extends Record<`${string}Behavior`, (entity: unknown) => string> {
  entityMatches: EntityMatches;
}

const remembering = new WeakSet<BehaviorLike>();

/**
 * Whether an entity shows a behavior is asked tens of thousands of times while a schema is built, and graphile-build parses
 * the same strings each time, which took almost half of the build. The answer depends on those strings alone, so each
 * schema's answers are kept. `watch` owes to this that a saved file is served within two seconds.
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
  const { entityMatches } = prototype;
  const answersByBehavior = new WeakMap<BehaviorLike, Map<string, boolean | undefined>>();
  prototype.entityMatches = function (entityType, entity, filter) {
    const answers = answersByBehavior.get(this) ?? new Map<string, boolean | undefined>();
    answersByBehavior.set(this, answers);
    const question = `${entityType}\n${filter}\n${this[`${entityType}Behavior`]?.(entity)}`;
    if (!answers.has(question)) {
      answers.set(question, entityMatches.call(this, entityType, entity, filter));
    }
    return answers.get(question);
  };
}
