import { type DocumentNode, Kind, visit } from "graphql";

import { AppError } from "../errors/AppError.ts";

/** Values of a filter's list: Postgres compares each row with each of them. */
const MAXIMUM_CHOICES = 100;
const MAXIMUM_VALUES = 1000;
const MAXIMUM_PATTERN_LENGTH = 200;
/** Deeper input is no input of this API, and walking through it would fill the stack. */
const MAXIMUM_DEPTH = 20;
/** Operators that Postgres evaluates by trying. */
const PATTERN_OPERATOR = /^(?:not)?(?:like|includes|startsWith|endsWith)(?:Insensitive)?$/i;

const CHOICE_OPERATOR = /^(?:not)?in(?:Insensitive)?$/i;

/** Documents whose own values were found small enough. */
const checkedDocuments = new WeakSet<DocumentNode>();

/** Throws BAD_USER_INPUT, with the place, for lists, patterns and nesting beyond what a request needs. */
export function assertInputSizes(
  document: DocumentNode,
  variables: Readonly<Record<string, unknown>> | null | undefined,
): void {
  if (!checkedDocuments.has(document)) {
    assertDocumentValues(document);
    checkedDocuments.add(document);
  }
  for (const [name, value] of Object.entries(variables ?? {})) {
    assertValue(value, name, [name]);
  }
}

function assertDocumentValues(document: DocumentNode): void {
  visit(document, {
    ListValue: ({ values }) => assertListLength("", values.length, undefined),
    ObjectField: ({ name, value }) => {
      if (value.kind === Kind.LIST) {
        assertListLength(name.value, value.values.length, name.value);
      }
      if (value.kind === Kind.STRING) {
        assertPatternLength(name.value, value.value, name.value);
      }
    },
  });
}

function assertValue(value: unknown, key: string, path: string[]): void {
  if (typeof value === "string") {
    assertPatternLength(key, value, path.join("."));
  }
  if (typeof value !== "object" || value === null) {
    return;
  }
  if (path.length > MAXIMUM_DEPTH) {
    throw new AppError("BAD_USER_INPUT", `Variables may be nested ${MAXIMUM_DEPTH} levels deep.`, {
      argument: path[0],
    });
  }
  if (Array.isArray(value)) {
    assertListLength(key, value.length, path.join("."));
  }
  for (const [name, member] of Object.entries(value)) {
    assertValue(member, name, [...path, name]);
  }
}

function assertListLength(operator: string, length: number, argument: string | undefined): void {
  const most = CHOICE_OPERATOR.test(operator) ? MAXIMUM_CHOICES : MAXIMUM_VALUES;
  if (length > most) {
    throw new AppError("BAD_USER_INPUT", `This list may have at most ${most} values.`, { argument });
  }
}

function assertPatternLength(operator: string, pattern: string, argument: string): void {
  if (PATTERN_OPERATOR.test(operator) && pattern.length > MAXIMUM_PATTERN_LENGTH) {
    throw new AppError(
      "BAD_USER_INPUT",
      `'${operator}' takes at most ${MAXIMUM_PATTERN_LENGTH} characters.`,
      { argument },
    );
  }
}
