import { ApplyInputStep } from "grafast";
import {
  type FieldNode,
  getArgumentValues,
  getNullableType,
  type GraphQLField,
  type GraphQLInputType,
  isEnumType,
  isListType,
  isNonNullType,
  type ValueNode,
} from "graphql";

import { leaveOutArchived } from "../../plugins/ArchivedRowsPlugin.ts";
import type { Selecting } from "./collectFields.ts";
import type { Link, Rows } from "./fieldMeaning.ts";
import { NotCompilable } from "./NotCompilable.ts";
import { PageQuery } from "./PageQuery.ts";
import type { RowScope } from "./RowScope.ts";

type Field = GraphQLField<unknown, unknown>;

/** A field that leads to many rows. */
export interface ListField {
  field: Field;
  nodes: readonly [FieldNode, ...FieldNode[]];
  rows: Rows;
  /** Whose rows; null for all. */
  follows: { link: Link; from: RowScope } | null;
}

export interface ListPage {
  query: PageQuery;
  /** Where the page begins, if not with the list; a value that is given. */
  after: ValueNode | null;
  first: number;
  offset: number;
}

/** The cursor behind which a page begins. */
export const AFTER = "after";
const NEVER_GIVEN = ["last", "before"];
const ARGUMENTS = new Set([...NEVER_GIVEN, "first", "offset", AFTER, "orderBy", "includeArchived", "filter"]);

/** Which rows a list asks for, and in which order. */
export function listPage(
  { field, nodes, rows, follows }: ListField,
  scope: RowScope,
  { selecting, defaultPageSize }: { selecting: Selecting; defaultPageSize: number },
): ListPage {
  const given = getArgumentValues(field, nodes[0], selecting.variables);
  const query = new PageQuery(rows, scope.alias);
  if (follows) {
    query.where(scope.follows(follows.link, follows.from));
  }
  if (
    Object.keys(given).some((name) => !ARGUMENTS.has(name)) ||
    NEVER_GIVEN.some((name) => (given[name] ?? null) !== null)
  ) {
    throw new NotCompilable("an argument of a list");
  }
  filterBy(field, given.filter, query, selecting);
  orderBy(field, given.orderBy, query);
  if (argumentType(field, "includeArchived") && given.includeArchived !== true) {
    leaveOutArchived(query);
  }
  const first = Number(given.first ?? defaultPageSize);
  const after = nodes[0].arguments?.find(({ name }) => name.value === AFTER)?.value;
  return {
    query,
    after: after && (given[AFTER] ?? null) !== null ? after : null,
    first,
    offset: Number(given.offset ?? 0),
  };
}

/** What each field of the filter's type says for itself. Grafast's own walk through them is what its step runs. */
function filterBy(field: Field, given: unknown, query: PageQuery, { schema }: Selecting): void {
  const inputType = argumentType(field, "filter");
  if (given === undefined || given === null || !inputType) {
    return;
  }
  const step = {
    inputType,
    getTargetFromParent: (parent: PageQuery) => parent.whereBuilder(),
    operationPlan: { schema },
  };
  try {
    const walk = ApplyInputStep.prototype.unbatchedExecute as (...each: unknown[]) => unknown;
    const apply = walk.call(step, null, given, undefined) as (target: PageQuery) => void;
    apply(query);
  } catch (cause) {
    // What is wrong with a filter is for Grafast to say.
    throw new NotCompilable("a filter", { cause });
  }
}

/** What each member of the order's type says for itself. */
function orderBy(field: Field, given: unknown, query: PageQuery): void {
  const list = argumentType(field, "orderBy");
  const nullable = list && getNullableType(list);
  const item =
    nullable && isListType(nullable) && isNonNullType(nullable.ofType) ? nullable.ofType.ofType : undefined;
  for (const value of (given ?? []) as unknown[]) {
    const member = isEnumType(item) ? item.getValues().find((each) => each.value === value) : undefined;
    if (!member) {
      throw new NotCompilable("an order");
    }
    member.extensions.grafast?.apply?.(query as never, { scope: undefined, value: member } as never);
  }
}

function argumentType(field: Field, name: string): GraphQLInputType | undefined {
  return field.args.find((argument) => argument.name === name)?.type;
}
