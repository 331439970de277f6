import type { GraphQLObjectType } from "graphql";
import {
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  getNamedType,
  type GraphQLField,
  type GraphQLNamedType,
  type GraphQLSchema,
  isNonNullType,
  isObjectType,
  Kind,
  type OperationDefinitionNode,
  type SelectionSetNode,
} from "graphql";
import { type SQL, sql } from "pg-sql2";

import { sha256 } from "../documents/sha256.ts";
import { collectFields, type Selecting } from "./collectFields.ts";
import { concatenation, literal, type Part } from "./columnJson.ts";
import { connectionSql } from "./connectionSql.ts";
import { type Link, meaningOf, type RowMeaning } from "./fieldMeaning.ts";
import { keyCondition, typeInNodeId, valueOf } from "./keyValues.ts";
import { leafJson } from "./leafJson.ts";
import { NotCompilable } from "./NotCompilable.ts";
import { ownerOf } from "./ownerOf.ts";
import type { RequestValue } from "./RequestValue.ts";
import { RowScope } from "./RowScope.ts";
import {
  type Count,
  joinOwners,
  missingRow,
  oneRow,
  type ResultSql,
  type RowSql,
  useResult,
} from "./rowsSql.ts";
import { hasStoredJson, NOT_TO_BE_SHOWN } from "./storedJson.ts";

/** A query as one statement: its only row has the text of `data`, whose rows it shows, and how often each column of theirs. */
export interface CompiledRead {
  name: string;
  text: string;
  /** What is not the same for each request. */
  values: readonly (RequestValue | string | number | boolean | null)[];
  /** Of each count after the first two columns: column → how often one row shows it. */
  counts: readonly ReadonlyMap<string, number>[];
  /** Whether there is something for rewriteJson() in the answer. */
  hasStoredJson: boolean;
  /** The operation's fields by their names in the answer. */
  fields: ReadonlyMap<string, readonly FieldNode[]>;
}

export interface ReadRequest {
  schema: GraphQLSchema;
  document: DocumentNode;
  operation: OperationDefinitionNode;
  /** Coerced. What the statement is made of depends on them as far as shapeOf() tells them apart. */
  variables: Readonly<Record<string, unknown>>;
  /** Rows of a list that does not say how many. */
  defaultPageSize: number;
}

/** Longer statements cost more to parse than they save. */
const LONGEST = 60_000;

/** @throws NotCompilable where the operation has something that only Grafast plans. */
export function compileRead({ operation, ...request }: ReadRequest): CompiledRead {
  const root = request.schema.getQueryType();
  if (!root || operation.directives?.length) {
    throw new NotCompilable("an operation with directives");
  }
  const compiler = new ReadCompiler(request);
  const { json, joins, counts, owners } = compiler.root(root, operation.selectionSet);
  if (joins.length === 0) {
    throw new NotCompilable("nothing that is in the database");
  }
  const columns = [
    concatenation(json),
    owners.length === 0 ? sql`null::text` : joinOwners(owners),
    ...counts.map((count) => count.sql),
  ];
  const { text, values } = sql.compile(
    sql`select ${sql.join(columns, ", ")} from (values (1)) as q (x) ${sql.join([...joins], " ")}`,
  );
  if (text.length > LONGEST) {
    throw new NotCompilable("a long statement");
  }
  return {
    name: `read_${sha256(text).slice(0, 40)}`,
    text,
    values: values as CompiledRead["values"],
    counts: counts.map((count) => count.columns),
    hasStoredJson: hasStoredJson(text),
    fields: collectFields(root, [operation.selectionSet], compiler.selecting),
  };
}

/** Puts the parts of one row's object together. */
interface Building {
  json: Part[];
  joins: SQL[];
  counts: Count[];
  owners: SQL[];
  ofNothing: SQL[];
}

export class ReadCompiler {
  readonly selecting: Selecting;
  readonly defaultPageSize: number;

  constructor({ schema, document, variables, defaultPageSize }: Omit<ReadRequest, "operation">) {
    const fragments = document.definitions.filter(
      (each): each is FragmentDefinitionNode => each.kind === Kind.FRAGMENT_DEFINITION,
    );
    this.selecting = {
      schema,
      variables,
      fragments: Object.fromEntries(fragments.map((fragment) => [fragment.name.value, fragment])),
    };
    this.defaultPageSize = defaultPageSize;
  }

  root(type: GraphQLObjectType, set: SelectionSetNode): RowSql {
    return this.#build(type, [set], (field, nodes, building) => {
      const meaning = isNonNullType(field.type) ? undefined : meaningOf(field);
      if (meaning?.kind === "row") {
        return this.#add(building, this.#byKey(getNamedType(field.type), nodes, meaning));
      }
      if (meaning?.kind === "given" && !nodes[0].arguments?.length) {
        const scope = new RowScope(meaning.rows);
        const isThere = sql`case when ${scope.alias} is null then false else ${scope.isWhole} end`;
        const given = this.#one(getNamedType(field.type), nodes, scope, isThere);
        return this.#add(building, given, missingRow(given));
      }
      if (meaning?.kind === "node") {
        const type = this.#typeOfNode(nodes[0], meaning.argument);
        const row = meaning.rowOf(type.name);
        if (row) {
          // Grafast puts it on record as if there were one.
          return this.#add(building, this.#byKey(type, nodes, row), literal(NOT_TO_BE_SHOWN));
        }
      }
      if (meaning?.kind === "many" && meaning.link === null) {
        return this.#add(
          building,
          connectionSql(this, { field, nodes, rows: meaning.rows, follows: null }),
          null,
        );
      }
      throw new NotCompilable(`the field ${field.name}`);
    });
  }

  /** The object of one row. */
  row(type: GraphQLObjectType, sets: readonly SelectionSetNode[], scope: RowScope): RowSql {
    const shown = new Map<string, number>();
    const row = this.#build(type, sets, (field, nodes, building) => {
      const meaning = meaningOf(field);
      if (meaning && "onRecord" in meaning && meaning.onRecord !== null) {
        shown.set(meaning.onRecord, (shown.get(meaning.onRecord) ?? 0) + 1);
      }
      const { variables } = this.selecting;
      const leaf = leafJson(meaning, { field, node: nodes[0], scope, variables });
      if (leaf) {
        return leaf;
      }
      switch (meaning?.kind) {
        case "one": {
          const linked = this.#linked(field, nodes, meaning.link, scope);
          return this.#add(building, linked, missingRow(linked));
        }
        case "many":
          return this.#add(
            building,
            connectionSql(this, {
              field,
              nodes,
              rows: meaning.rows,
              follows: meaning.link && { link: meaning.link, from: scope },
            }),
            null,
          );
        default:
          throw new NotCompilable(`the field ${field.name}`);
      }
    });
    const ofNothing = [...scope.ofNothing, ...row.ofNothing];
    return shown.size === 0
      ? { ...row, ofNothing }
      : {
          ...row,
          ofNothing,
          counts: [{ columns: shown, sql: sql`1` }, ...row.counts],
          owners: [ownerOf(scope), ...row.owners],
        };
  }

  #linked(
    field: GraphQLField<unknown, unknown>,
    nodes: readonly FieldNode[],
    link: Link,
    from: RowScope,
  ): ResultSql {
    if (isNonNullType(field.type)) {
      throw new NotCompilable(`the field ${field.name}`);
    }
    const scope = new RowScope(link.to);
    return this.#one(getNamedType(field.type), nodes, scope, scope.follows(link, from));
  }

  #typeOfNode(node: FieldNode, argument: string): GraphQLObjectType {
    const { schema, variables } = this.selecting;
    const id = node.arguments?.find(({ name }) => name.value === argument)?.value;
    const type = schema.getType((id && typeInNodeId(valueOf(id, variables))) ?? "");
    if (!isObjectType(type)) {
      throw new NotCompilable("a global id of no type");
    }
    return type;
  }

  #byKey(
    type: GraphQLNamedType | undefined,
    nodes: readonly [FieldNode, ...FieldNode[]],
    meaning: RowMeaning,
  ): ResultSql {
    const scope = new RowScope(meaning.rows);
    return this.#one(type, nodes, scope, keyCondition(scope, meaning, nodes[0]));
  }

  #one(
    type: GraphQLNamedType | undefined,
    nodes: readonly FieldNode[],
    scope: RowScope,
    condition: SQL,
  ): ResultSql {
    if (!isObjectType(type)) {
      throw new NotCompilable("a type that is no object");
    }
    return oneRow(this.row(type, selectionSets(nodes), scope), scope.source, condition);
  }

  /**
   * Joins a result to a row, and gives its value there.
   *
   * @param missing what stands for a result of no row; null if there is always one.
   */
  #add(
    { joins, counts, owners, ofNothing }: Building,
    result: ResultSql,
    missing: SQL | null = sql`'null'`,
  ): Part[] {
    const alias = sql.identifier(Symbol("v"));
    joins.push(sql`left join lateral (${result.query}) as ${alias} on true`);
    const used = useResult(alias, result);
    counts.push(...used.counts);
    owners.push(...used.owners);
    ofNothing.push(...result.ofNothing);
    return [missing === null ? used.json : sql`coalesce(${used.json}, ${missing})`];
  }

  #build(
    type: GraphQLObjectType,
    sets: readonly SelectionSetNode[],
    valueOf: (
      field: GraphQLField<unknown, unknown>,
      nodes: [FieldNode, ...FieldNode[]],
      building: Building,
    ) => Part[],
  ): RowSql {
    const building: Building = { json: [], joins: [], counts: [], owners: [], ofNothing: [] };
    for (const [key, nodes] of collectFields(type, sets, this.selecting)) {
      const name = nodes[0].name.value;
      const field = type.getFields()[name];
      building.json.push(`${building.json.length === 0 ? "{" : ","}${JSON.stringify(key)}:`);
      if (name === "__typename") {
        building.json.push(JSON.stringify(type.name));
      } else if (field) {
        building.json.push(...valueOf(field, nodes, building));
      } else {
        throw new NotCompilable(`the field ${name}`);
      }
    }
    building.json.push(building.json.length === 0 ? "{}" : "}");
    return building;
  }
}

export function selectionSets(nodes: readonly FieldNode[]): SelectionSetNode[] {
  return nodes.flatMap(({ selectionSet }) => (selectionSet ? [selectionSet] : []));
}
