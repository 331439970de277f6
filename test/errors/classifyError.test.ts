import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";

import { describe, expect, it } from "@jest/globals";
import { SafeError } from "grafast";
import { GraphQLError } from "graphql";
import pg from "pg";

import { AppError } from "../../src/errors/AppError.ts";
import { CATALOGUE } from "../../src/errors/catalogue.ts";
import { classifyError } from "../../src/errors/classifyError.ts";
import { rememberInputFields } from "../../src/errors/inputFields.ts";

const CANARY = "canary@example.com";

function databaseError(code: string, fields: object = {}): Error {
  return Object.assign(new Error(`something about ${CANARY}`), { code, ...fields });
}

function codeOf(error: unknown, anonymous = false): string {
  return classifyError(error, anonymous).code;
}

describe("classifyError", () => {
  it("passes on the sentence of an error that our SQL raises", () => {
    const error = Object.assign(new Error("The slot is taken."), { code: "OVRLP" });
    expect(classifyError(error, false)).toEqual({
      code: "APPOINTMENT_OVERLAP",
      message: "The slot is taken.",
    });
  });

  it("tells for how many seconds to wait where our SQL counts attempts", () => {
    const error = Object.assign(new Error("Too often."), { code: "LIMIT", hint: "899" });
    expect(classifyError(error, false)).toEqual({
      code: "TOO_MANY_REQUESTS",
      message: "Too often.",
      retryAfter: 899,
    });
  });

  it("gives every missing record the same sentence, whatever SQL says of it", () => {
    const ofSql = classifyError(databaseError("NTFND"), false);
    expect(ofSql).toEqual(classifyError(new AppError("NOT_FOUND"), false));
    expect(ofSql.message).toBe(CATALOGUE.NOT_FOUND.message);
  });

  it("takes a connection that is refused or ended for an outage, not for a lack of rights", () => {
    expect(codeOf(databaseError("42501", { severity: "FATAL" }))).toBe("UNAVAILABLE");
    expect(codeOf(databaseError("42501", { severity: "ERROR" }))).toBe("FORBIDDEN");
  });

  it.each([
    ["23505", "ALREADY_EXISTS"],
    ["23503", "NOT_FOUND"],
    ["23514", "BAD_USER_INPUT"],
    ["22P02", "BAD_USER_INPUT"],
    ["23P01", "CONFLICT"],
    ["40001", "CONFLICT"],
    ["57014", "TIMEOUT"],
    ["57P01", "UNAVAILABLE"],
    ["08006", "UNAVAILABLE"],
    ["53300", "UNAVAILABLE"],
    ["ECONNREFUSED", "UNAVAILABLE"],
    ["42501", "FORBIDDEN"],
    ["XX000", "INTERNAL"],
    ["P0001", "INTERNAL"],
    ["EACCES", "INTERNAL"],
  ])("turns %s into %s without the text of the database", (sqlState, code) => {
    const disclosed = classifyError(databaseError(sqlState), false);
    expect(disclosed.code).toBe(code);
    expect(disclosed.message).not.toContain(CANARY);
  });

  describe("the argument", () => {
    const place = { schema: "app_public", table: "pets", constraint: "pets_name_is_short" };
    rememberInputFields(place, ["givenName"]);
    rememberInputFields({ ...place, constraint: "pets_internal" }, []);
    rememberInputFields({ schema: "app_public", table: "pets", column: "owner_id" }, ["ownerId"]);

    it("is what the constraint or the column is about, under its name in the API", () => {
      const argumentOf = (code: string, fields: object) =>
        classifyError(databaseError(code, { ...place, ...fields }), false).argument;
      expect(argumentOf("23514", {})).toBe("givenName");
      expect(argumentOf("23505", {})).toBe("givenName");
      expect(argumentOf("23502", { column: "owner_id", constraint: undefined })).toBe("ownerId");
    });

    it("is left out where the API has no such field, and where a removal is refused", () => {
      for (const [code, fields] of [
        ["23514", { constraint: "pets_internal" }],
        ["23514", { constraint: "unknown" }],
        ["23514", { schema: "app_private" }],
        ["23502", { column: "secret_hash" }],
        ["23001", {}],
        ["40001", {}],
      ] as const) {
        expect(classifyError(databaseError(code, { ...place, ...fields }), false)).not.toHaveProperty(
          "argument",
        );
      }
    });

    it("is the one that our own SQL names", () => {
      expect(classifyError(databaseError("BADIN", { column: "starts_at" }), false).argument).toBe("startsAt");
      expect(classifyError(databaseError("NTFND", { column: "patient_id" }), false)).toEqual({
        code: "NOT_FOUND",
        message: CATALOGUE.NOT_FOUND.message,
        argument: "patientId",
      });
      expect(classifyError(databaseError("BADIN", { column: CANARY }), false)).not.toHaveProperty("argument");
    });
  });

  it("asks somebody without a token to sign in where others are refused", () => {
    expect(codeOf(databaseError("42501"), true)).toBe("UNAUTHENTICATED");
  });

  it("tells an overlap of appointments from other exclusions", () => {
    expect(codeOf(databaseError("23P01", { constraint: "appointments_no_overlap" }))).toBe(
      "APPOINTMENT_OVERLAP",
    );
  });

  it("tells the removal of what is referred to from a reference to nothing", () => {
    const error = Object.assign(new Error('update or delete on table "clinics" violates …'), {
      code: "23503",
    });
    expect(codeOf(error)).toBe("CONFLICT");
  });

  it("calls a lost connection unavailable although the driver gives it no code", () => {
    expect(codeOf(new Error("Connection terminated unexpectedly"))).toBe("UNAVAILABLE");
  });

  it("calls a server that accepts a connection and says nothing unavailable, whichever clock runs out first", async () => {
    const accepted = new Set<Socket>();
    const silent = createServer((socket) => accepted.add(socket.on("error", () => undefined)));
    silent.listen(0, "127.0.0.1");
    await once(silent, "listening");
    const { port } = silent.address() as AddressInfo;
    const options = { host: "127.0.0.1", port, user: "x", database: "x", connectionTimeoutMillis: 20 };
    const failures = await Promise.all([
      new pg.Client(options).connect().catch((error: unknown) => error),
      new pg.Pool(options).connect().catch((error: unknown) => error),
    ]);
    accepted.forEach((socket) => socket.destroy());
    silent.close();
    expect(failures.map((failure) => codeOf(failure))).toEqual(["UNAVAILABLE", "UNAVAILABLE"]);
  });

  it("sees through GraphQL's wrapping", () => {
    const wrapped = new GraphQLError(CANARY, {
      path: ["patient"],
      originalError: new GraphQLError(CANARY, { originalError: databaseError("23505") }),
    });
    expect(classifyError(wrapped, false).message).toBe(CATALOGUE.ALREADY_EXISTS.message);
  });

  it("keeps GraphQL's sentence about the request, and none about a result", () => {
    expect(classifyError(new GraphQLError("Variable '$id' is wrong."), false)).toEqual({
      code: "BAD_USER_INPUT",
      message: "Variable '$id' is wrong.",
    });
    expect(codeOf(new GraphQLError(CANARY, { path: ["patient"] }))).toBe("INTERNAL");
  });

  it("keeps the sentence of an error that is declared safe", () => {
    expect(classifyError(new SafeError("Nothing to change."), false)).toEqual({
      code: "BAD_USER_INPUT",
      message: "Nothing to change.",
    });
  });

  it.each([[new Error(CANARY)], [CANARY], [null], [{ message: CANARY }]])("hides %p", (error) => {
    expect(classifyError(error, false)).toEqual({ code: "INTERNAL", message: CATALOGUE.INTERNAL.message });
  });
});
