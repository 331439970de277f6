import { describe, expect, it } from "@jest/globals";

import { firstFailure } from "./rerun/firstFailure.ts";
import * as registry from "./rerun/registry.ts";

const declare = (declarations: () => void) =>
  registry.collect(() => {
    declarations();
    return Promise.resolve();
  });

describe("files that run again and again", () => {
  it("pass each time, with their hooks in order", async () => {
    const calls: string[] = [];
    const suite = await declare(() => {
      registry.beforeAll(() => calls.push("beforeAll"));
      registry.beforeEach(() => calls.push("beforeEach"));
      registry.afterAll(() => calls.push("afterAll"));
      registry.describe("inner", () => {
        registry.it.each([[1], [2]])("test %s", (number: unknown) => calls.push(`test ${String(number)}`));
      });
    });
    const run = ["beforeAll", "beforeEach", "test 1", "beforeEach", "test 2", "afterAll"];

    expect(await firstFailure(suite)).toBeNull();
    expect(await firstFailure(suite)).toBeNull();
    expect(calls).toEqual([...run, ...run]);
  });

  it("end at the first failure, say which, and close what they opened", async () => {
    const calls: string[] = [];
    const suite = await declare(() => {
      registry.afterAll(() => calls.push("afterAll"));
      registry.describe("inner", () => {
        registry.it("fails", () => registry.expect(1).toBe(2));
        registry.it("is not reached", () => calls.push("reached"));
      });
    });
    expect(await firstFailure(suite)).toBe("inner fails");
    expect(calls).toEqual(["afterAll"]);
  });

  it("fail when a test is late, rejects, or cannot be prepared", async () => {
    const late = await declare(() => registry.it("is late", () => new Promise(() => undefined), 10));
    const rejects = await declare(() => registry.it("rejects", () => Promise.reject(new Error("no"))));
    const unprepared = await declare(() => {
      registry.beforeAll(() => Promise.reject(new Error("no")));
      registry.it("is not reached", () => undefined);
    });
    expect(await firstFailure(late)).toBe("is late");
    expect(await firstFailure(rejects)).toBe("rejects");
    expect(await firstFailure(unprepared)).toBe("(before)");
  });
});
