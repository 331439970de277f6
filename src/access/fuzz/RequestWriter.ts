import { type DocumentNode, type GraphQLSchema, Kind, parse, print, validate, visit } from "graphql";

/** What a variable is filled with: something of one tenant, of another, or made up. */
export type Subject =
  | { kind: "rowId" | "nodeId" | "cursor"; type: string }
  /** What a field of a type holds; of any type where none is named. */
  | { kind: "value"; type: string | null; field: string; scalar: string };

export interface Slot {
  /** Of the variable, without its dollar sign. */
  name: string;
  subject: Subject;
}

export type Operation = "query" | "mutation" | "subscription";

/** One document of which every person sends the same text, each with variables of several origins. */
export interface FuzzRequest {
  /** The field that it is about, such as `Query.patients` or `Patient.appointments`. */
  title: string;
  operation: Operation;
  document: DocumentNode;
  text: string;
  slots: readonly Slot[];
  /** Whether a foreign id and one that nobody has must get the same answer. */
  isComparable: boolean;
}

/** A part of the schema that the walk has no value or no way for; it stays uncovered, for this reason. */
export class UnreachableError extends Error {}

/** An alias that remembers its field: `appointments__1`. */
export const aliasOf = (field: string, number: number | string) => `${field}__${number}`;
export const fieldOfAlias = (key: string) => key.replace(/__\w+$/, "");

/** Collects the variables of one request while its text is written. */
export class RequestWriter {
  readonly #slots: (Slot & { type: string })[] = [];
  readonly #schema: GraphQLSchema;

  constructor(schema: GraphQLSchema) {
    this.#schema = schema;
  }

  /** @returns the variable, as it stands in the text. */
  slot(type: string, subject: Subject): string {
    const name = `v${this.#slots.length}`;
    this.#slots.push({ name, subject, type });
    return `$${name}`;
  }

  /** A part of the text that is left out, with its variables, where there is no way to write it. */
  optional(write: () => string): string {
    const before = this.#slots.length;
    try {
      return write();
    } catch (error) {
      if (!(error instanceof UnreachableError)) {
        throw error;
      }
      this.#slots.length = before;
      return "";
    }
  }

  /** @throws when the text is not valid for the schema: a mistake of the walk, not of the API. */
  finish(
    title: string,
    operation: Operation,
    body: string,
    { isComparable = false }: { isComparable?: boolean } = {},
  ): FuzzRequest {
    const variables = this.#slots.map(({ name, type }) => `$${name}: ${type}`).join(", ");
    const written = parse(`${operation} ${variables && `(${variables})`} { ${body} }`, { noLocation: true });
    const document = withTypenames(written);
    const [problem] = validate(this.#schema, document);
    if (problem) {
      throw new UnreachableError(`The walk cannot ask for ${title}: ${problem.message}`);
    }
    const slots = this.#slots.map(({ name, subject }) => ({ name, subject }));
    return { title, operation, document, text: print(document), slots, isComparable };
  }
}

/** With the type beside every answer, so that what is found in it can be named. */
function withTypenames(document: DocumentNode): DocumentNode {
  const typename = { kind: Kind.FIELD, name: { kind: Kind.NAME, value: "__typename" } } as const;
  return visit(document, {
    SelectionSet(node, _key, parent) {
      const isSubscription =
        parent && "operation" in parent && (parent as { operation: string }).operation === "subscription";
      // A subscription has exactly one root field.
      return isSubscription ? undefined : { ...node, selections: [typename, ...node.selections] };
    },
  });
}
