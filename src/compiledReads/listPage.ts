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
import { withParameters } from "./filterParameters.ts";
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
  /** What the page lies between, if not in the whole list. */
  cursors: readonly { side: CursorSide; value: ValueNode }[];
  /** Whether it is the end of that, and not its beginning. */
  isLast: boolean;
  size: number;
  offset: number;
}

/** The arguments that take a cursor: a page lies after one, or before it. */
export const CURSOR_SIDES = ["after", "before"] as const;
export type CursorSide = (typeof CURSOR_SIDES)[number];
const ARGUMENTS = new Set<string>([
  ...CURSOR_SIDES,
  "first",
  "last",
  "offset",
  "orderBy",
  "includeArchived",
  "filter",
]);

/** Which rows a list asks for, and in which order. */
export function listPage(
  { field, nodes, rows, follows }: ListField,
  scope: RowScope,
  { selecting, defaultPageSize }: { selecting: Selecting; defaultPageSize: number },
): ListPage {
  const given = getArgumentValues(field, nodes[0], selecting.variables);
  const query = new PageQuery(rows, scope.alias);
  if (typeof rows.from === "function") {
    query.where(scope.isWhole);
  }
  if (follows) {
    query.where(scope.follows(follows.link, follows.from));
  }
  if (Object.keys(given).some((name) => !ARGUMENTS.has(name))) {
    throw new NotCompilable("an argument of a list");
  }
  filterBy({ field, nodes }, given.filter, query, selecting);
  orderBy(field, given.orderBy, query);
  if (argumentType(field, "includeArchived") && given.includeArchived !== true) {
    leaveOutArchived(query);
  }
  const cursors = CURSOR_SIDES.flatMap((side) => {
    const value = nodes[0].arguments?.find(({ name }) => name.value === side)?.value;
    return value && isGiven(given[side]) ? [{ side, value }] : [];
  });
  return { query, cursors, ...extent(given, query, defaultPageSize) };
}

/** How many rows, from which end. */
function extent(
  { first, last, offset }: Readonly<Record<string, unknown>>,
  query: PageQuery,
  defaultPageSize: number,
): Pick<ListPage, "isLast" | "size" | "offset"> {
  const isLast = isGiven(last);
  if (isLast && (isGiven(first) || isGiven(offset) || !query.isOrderUnique)) {
    throw new NotCompilable("the end of a list that has none");
  }
  return { isLast, size: Number(last ?? first ?? defaultPageSize), offset: Number(offset ?? 0) };
}

function isGiven(value: unknown): boolean {
  return (value ?? null) !== null;
}

/** What each field of the filter's type says for itself. Grafast's own walk through them is what its step runs. */
function filterBy(
  { field, nodes }: Pick<ListField, "field" | "nodes">,
  given: unknown,
  query: PageQuery,
  { schema }: Selecting,
): void {
  const node = nodes[0].arguments?.find(({ name }) => name.value === "filter")?.value;
  const inputType = argumentType(field, "filter");
  if (given === undefined || !inputType) {
    return;
  }
  // The argument's own check, which the walk is no part of.
  if (given === null || Object.keys(given).length === 0) {
    throw new NotCompilable("a filter that says nothing");
  }
  const step = {
    inputType,
    getTargetFromParent: (parent: PageQuery) => parent.whereBuilder(),
    operationPlan: { schema },
  };
  try {
    const walk = ApplyInputStep.prototype.unbatchedExecute as (...each: unknown[]) => unknown;
    const value = node ? withParameters({ node, type: inputType }, given) : given;
    const apply = walk.call(step, null, value, undefined) as (target: PageQuery) => void;
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
