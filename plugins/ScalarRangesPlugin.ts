import "graphile-build";

import { GraphQLError, Kind, type ValueNode } from "graphql";

import { isUuid } from "../src/auth/claims.ts";
import { bound } from "./bound.ts";

interface Format {
  isValid: (text: string) => boolean;
  /** What is expected, with an example. */
  expected: string;
}

const DATE = /^(\d{4})-(\d{2})-(\d{2})$/;
const TIME = /^[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:Z|[+-]\d{2}(?::?\d{2})?)?$/i;
const DATE_LENGTH = 10;

/** What Postgres would take beyond these (`infinity`, `now`, the year 294276, a million digits) no client means. */
const FORMATS: Readonly<Record<string, Format>> = {
  Date: { isValid: isDate, expected: "a date such as 2026-11-20" },
  Datetime: {
    isValid: (text) => isDate(text.slice(0, DATE_LENGTH)) && isTimeOrNothing(text.slice(DATE_LENGTH)),
    expected: "a date with its time and offset such as 2026-11-20T14:30:00Z",
  },
  UUID: { isValid: isUuid, expected: "a uuid such as 0198c5d8-7d2e-7c1a-9f00-1f2e3d4c5b6a" },
  BigInt: {
    isValid: (text) => /^-?\d{1,19}$/.test(text),
    expected: "an integer of at most 19 digits",
  },
  BigFloat: {
    isValid: (text) => /^-?\d{1,30}(?:\.\d{1,20})?$/.test(text),
    expected: "a number of at most 30 digits, and 20 after the point, without an exponent",
  },
};
const LITERALS: readonly Kind[] = [Kind.STRING, Kind.INT, Kind.FLOAT];

function parse(name: string, value: unknown, nodes?: ValueNode): string {
  const format = FORMATS[name];
  const text = typeof value === "number" ? String(value) : value;
  if (typeof text !== "string" || !format?.isValid(text)) {
    throw new GraphQLError(`A ${name} must be ${format?.expected}.`, { nodes });
  }
  return text;
}

export function parseScalar(name: string, value: unknown): string {
  return parse(name, value);
}

export function parseScalarLiteral(name: string, node: ValueNode): string {
  return parse(name, LITERALS.includes(node.kind) && "value" in node ? node.value : undefined, node);
}

/**
 * PostGraphile passes dates and numbers to Postgres as they come, and Postgres refuses them when the query runs already;
 * neither says which argument it was. Here they are refused as malformed variables and literals are.
 */
export const ScalarRangesPlugin: GraphileConfig.Plugin = {
  name: "ScalarRangesPlugin",
  description: "Refuses malformed dates and numbers before a query runs",
  version: "1.0.0",
  schema: {
    hooks: {
      GraphQLScalarType(config) {
        return FORMATS[config.name]
          ? {
              ...config,
              parseValue: bound(parseScalar, config.name),
              parseLiteral: bound(parseScalarLiteral, config.name),
            }
          : config;
      },
    },
  },
};

function isDate(text: string): boolean {
  const [, year = "", month = "", day = ""] = DATE.exec(text) ?? [];
  const date = new Date(Date.UTC(Number(year), Number(month) - 1, Number(day)));
  return Number(year) >= 1 && date.getUTCMonth() === Number(month) - 1 && date.getUTCDate() === Number(day);
}

function isTimeOrNothing(text: string): boolean {
  return text === "" || TIME.test(text);
}
