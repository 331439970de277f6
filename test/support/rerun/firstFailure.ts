import type { Suite, Test } from "./registry.ts";

type EachHooks = { before: (() => unknown)[]; after: (() => unknown)[] };

const HOOK_TIMEOUT = 60_000;

/** Runs a file's tests in order until one fails; what it opened is closed in any case. @returns its title, or null. */
export async function firstFailure(
  suite: Suite,
  outer: EachHooks = { before: [], after: [] },
  path: readonly string[] = [],
): Promise<string | null> {
  const titles = suite.title === "" ? path : [...path, suite.title];
  const each: EachHooks = {
    before: [...outer.before, ...suite.hooks.beforeEach],
    after: [...suite.hooks.afterEach, ...outer.after],
  };
  try {
    const failed = await anyFails(suite.hooks.beforeAll);
    return failed ? [...titles, "(before)"].join(" ") : await firstFailedMember(suite, each, titles);
  } finally {
    await anyFails(suite.hooks.afterAll);
  }
}

async function firstFailedMember(
  suite: Suite,
  each: EachHooks,
  titles: readonly string[],
): Promise<string | null> {
  for (const member of suite.members) {
    if (member.kind === "suite") {
      const failure = await firstFailure(member.suite, each, titles);
      if (failure !== null) {
        return failure;
      }
    } else if (await fails(member.test, each)) {
      return [...titles, member.test.title].join(" ");
    }
  }
  return null;
}

async function fails({ work, timeout }: Test, { before, after }: EachHooks): Promise<boolean> {
  const failed = (await anyFails(before)) || !(await passes(work, timeout));
  return (await anyFails(after)) || failed;
}

/** Runs them all, whatever fails. @returns whether anything failed. */
async function anyFails(hooks: readonly (() => unknown)[]): Promise<boolean> {
  let failed = false;
  for (const hook of hooks) {
    failed = !(await passes(hook, HOOK_TIMEOUT)) || failed;
  }
  return failed;
}

async function passes(work: () => unknown, timeout: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error("too late")), timeout);
  });
  try {
    await Promise.race([work(), late]);
    return true;
  } catch {
    return false;
  } finally {
    clearTimeout(timer);
  }
}
