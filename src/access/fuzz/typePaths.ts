import {
  getNamedType,
  type GraphQLField,
  type GraphQLObjectType,
  type GraphQLSchema,
  isObjectType,
  isRequiredArgument,
} from "graphql";

export interface Step {
  parent: GraphQLObjectType;
  field: GraphQLField<unknown, unknown>;
}

/** The ways from the query type to every object type that it leads to: the shortest, by fields that need no argument if it can. */
export function typePaths(schema: GraphQLSchema): Map<string, Step[]> {
  const query = schema.getQueryType();
  const paths = new Map<string, Step[]>(query ? [[query.name, []]] : []);
  for (const mayNeedArguments of [false, true]) {
    const queue = [...paths.keys()];
    for (let name = queue.shift(); name !== undefined; name = queue.shift()) {
      const parent = schema.getType(name);
      if (!isObjectType(parent)) {
        continue;
      }
      for (const field of Object.values(parent.getFields())) {
        const target = getNamedType(field.type);
        const isOpen = mayNeedArguments || !field.args.some(isRequiredArgument);
        if (isOpen && isObjectType(target) && !paths.has(target.name)) {
          paths.set(target.name, [...(paths.get(name) ?? []), { parent, field }]);
          queue.push(target.name);
        }
      }
    }
  }
  return paths;
}
