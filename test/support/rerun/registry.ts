/**
 * Stands for `@jest/globals` where test files run again and again in one process: Jest's own `expect` and `each`, and a
 * list of what the files declare.
 */
import { jestExpect } from "@jest/expect";
import { bind } from "jest-each";
import { ModuleMocker } from "jest-mock";

type Work = () => unknown;

export interface Test {
  title: string;
  work: Work;
  /** Milliseconds. */
  timeout: number;
}

export interface Suite {
  title: string;
  hooks: Record<"beforeAll" | "beforeEach" | "afterEach" | "afterAll", Work[]>;
  /** In the order in which they stand. */
  members: ({ kind: "test"; test: Test } | { kind: "suite"; suite: Suite })[];
}

const DEFAULT_TIMEOUT = 20_000;

let current = makeSuite("");
/** Of the file that is being collected. */
let fileTimeout = DEFAULT_TIMEOUT;

function makeSuite(title: string): Suite {
  return { title, hooks: { beforeAll: [], beforeEach: [], afterEach: [], afterAll: [] }, members: [] };
}

/** Collects what a file declares when it is imported. */
export async function collect(importFile: () => Promise<unknown>): Promise<Suite> {
  current = makeSuite("");
  fileTimeout = DEFAULT_TIMEOUT;
  const suite = current;
  await importFile();
  return suite;
}

function declareTest(title: string, work: Work, timeout = fileTimeout): void {
  current.members.push({ kind: "test", test: { title, work, timeout } });
}

function declareSuite(title: string, declare: Work): void {
  const outer = current;
  const suite = makeSuite(title);
  outer.members.push({ kind: "suite", suite });
  current = suite;
  try {
    declare();
  } finally {
    current = outer;
  }
}

// Jest's types speak of its own global functions; these two do what is asked of those here.
const each = (declare: (title: string, work: Work, timeout?: number) => void) =>
  bind(declare as never, false) as (...table: unknown[]) => (...test: unknown[]) => void;

const mocker = new ModuleMocker(globalThis);

export const expect = jestExpect;
/** What files use of it. */
export const jest = {
  fn: mocker.fn.bind(mocker),
  spyOn: mocker.spyOn.bind(mocker),
  setTimeout: (milliseconds: number) => void (fileTimeout = milliseconds),
};
export const it = Object.assign(declareTest, { each: each(declareTest) });
export const describe = Object.assign(declareSuite, { each: each(declareSuite) });
export const beforeAll = (work: Work) => void current.hooks.beforeAll.push(work);
export const beforeEach = (work: Work) => void current.hooks.beforeEach.push(work);
export const afterEach = (work: Work) => void current.hooks.afterEach.push(work);
export const afterAll = (work: Work) => void current.hooks.afterAll.push(work);
