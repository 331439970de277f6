import {
  getNamedType,
  type GraphQLInputField,
  type GraphQLInputType,
  isEnumType,
  isInputObjectType,
  isListType,
  isNonNullType,
  isRequiredInputField,
} from "graphql";

import { type RequestWriter, type Subject, UnreachableError } from "./RequestWriter.ts";

export interface InputContext {
  /** Of the argument or input field. */
  name: string;
  /** The object type that it is about, as far as its surroundings say. */
  subject: string | null;
  /** Of input objects, only the fields that have to be there. */
  requiredOnly?: boolean;
}

/** Ids that are called after their part in the row and not after the table they refer to. */
const TYPE_OF_ID: Readonly<Record<string, string>> = {
  approvedById: "DeviceKey",
  exportId: "ExportRequest",
  grantId: "BreakGlassGrant",
  homeClinicId: "Clinic",
  providerId: "User",
  recipientClinicId: "Clinic",
  recordId: "EncryptedCycleRecord",
  shareId: "HealthcareShare",
  templateId: "SessionTemplate",
  tokenId: "ShareToken",
  transcriptId: "SessionTranscript",
};

const DAY = 24 * 60 * 60 * 1000;

/** Values that pass the checks of input; whether the person may say them is for the database. */
const BY_NAME: Readonly<Record<string, string>> = {
  body: '"S: O: A: P:"',
  email: '"fuzz@example.com"',
  endsAt: '"2031-05-05T11:00:00Z"',
  endsOn: '"2031-05-31"',
  expiresAt: `"${new Date(Date.now() + DAY).toISOString()}"`,
  firstDay: '"2031-05-01"',
  key: '"integrations"',
  lastDay: '"2031-05-05"',
  maxUses: "1",
  metricKey: '"payments_received"',
  minutes: "30",
  openingHours: "{}",
  password: '"correct horse battery staple"',
  segments: '[{ speaker: "a", text: "b", starts: 0 }]',
  settings: "{}",
  slug: '"fuzz-slug"',
  startsAt: '"2031-05-05T10:00:00Z"',
  startsOn: '"2031-05-01"',
  timezone: '"America/Toronto"',
};

const BY_SCALAR: Readonly<Record<string, string>> = {
  Base64EncodedBinary: '"AAAAAAAAAAAAAAAA"',
  BigFloat: '"1"',
  BigInt: '"1"',
  Boolean: "true",
  Date: '"2001-02-03"',
  Datetime: '"2031-05-05T10:30:00Z"',
  Float: "1.5",
  Int: "1",
  JSON: "{}",
  String: '"fuzz"',
};

/** A value of any input type. @throws {UnreachableError} for a scalar that it has no value of. */
export function inputText(writer: RequestWriter, type: GraphQLInputType, context: InputContext): string {
  if (isNonNullType(type)) {
    return inputText(writer, type.ofType, context);
  }
  if (isListType(type)) {
    return `[${inputText(writer, type.ofType, context)}]`;
  }
  if (isEnumType(type)) {
    const value = type.getValues()[0]?.name;
    return value ?? fail(`the enum ${type.name} has no values`);
  }
  if (isInputObjectType(type)) {
    const fields = Object.values(type.getFields())
      .filter((field) => !context.requiredOnly || isRequiredInputField(field))
      .map((field) => `${field.name}: ${inputText(writer, field.type, inside(context, type.name, field))}`);
    return `{ ${fields.join(", ")} }`;
  }
  return scalarText(writer, type.name, context);
}

function scalarText(writer: RequestWriter, scalar: string, { name, subject }: InputContext): string {
  switch (scalar) {
    case "UUID":
      return writer.slot("UUID!", uuidSubject(name, subject));
    case "ID":
      return writer.slot("ID!", { kind: "nodeId", type: subject ?? fail(`nothing says what '${name}' is`) });
    case "Cursor":
      return writer.slot("Cursor", { kind: "cursor", type: subject ?? "" });
    default:
      return BY_NAME[name] ?? BY_SCALAR[scalar] ?? fail(`it has no value of the type ${scalar}`);
  }
}

function uuidSubject(name: string, subject: string | null): Subject {
  if (name === "rowId" && subject !== null) {
    return { kind: "rowId", type: subject };
  }
  if (!name.endsWith("Id") || name === "keyId") {
    return { kind: "value", type: null, field: name, scalar: "UUID" };
  }
  const stem = name.slice(0, -"Id".length);
  return { kind: "rowId", type: TYPE_OF_ID[name] ?? stem.charAt(0).toUpperCase() + stem.slice(1) };
}

/** What stands inside `patient: PatientInput!` or `PatientPatch` is about a patient. */
function inside(context: InputContext, parent: string, field: GraphQLInputField): InputContext {
  const isRow = /^(Create|Update|Delete)/.test(parent);
  const named = getNamedType(field.type);
  const ofRow = isInputObjectType(named) ? /^(\w+)(Input|Patch)$/.exec(named.name)?.[1] : undefined;
  return { ...context, name: field.name, subject: (isRow ? ofRow : undefined) ?? context.subject };
}

function fail(reason: string): never {
  throw new UnreachableError(reason);
}
