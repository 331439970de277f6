import { Script } from "node:vm";

import { afterEach, expect, it, jest } from "@jest/globals";
import { type Logger, pino } from "pino";

import { logLibraryConsole } from "../../src/telemetry/logLibraryConsole.ts";

const TEXT = "Canary-8f1d-Needle";
const FILE = "/x/node_modules/@made/up/dist/say.js";
const written: string[] = [];
const logger: Logger = pino({ level: "warn" }, { write: (line: string) => void written.push(line) });
const say = jest.spyOn(globalThis.console, "warn").mockImplementation(() => undefined);
const original = globalThis.console.warn;
/** Code that stands in a library's file, as far as the stack tells. */
const inLibrary = (code: string) =>
  new Script(code, { filename: FILE }).runInThisContext() as (target: Console, text: string) => unknown;

const ends: (() => Promise<void>)[] = [];
afterEach(async () => {
  await Promise.all(ends.splice(0).map((end) => end()));
  written.splice(0);
  say.mockClear();
});

it("makes of what a library writes one line that names it, without the text", () => {
  ends.push(logLibraryConsole(logger));
  inLibrary("(function warnAll(target, text) { target.warn(text, new Error(text)) })")(console, TEXT);
  expect(written).toHaveLength(1);
  expect(JSON.parse(written[0] ?? "")).toMatchObject({
    level: 40,
    msg: "A library wrote to the console",
    library: "@made/up",
    function: "warnAll",
    call: "warn",
  });
  expect(written.join("")).not.toContain(TEXT);
  expect(say).not.toHaveBeenCalled();
});

it("cannot be passed by handing the console's function to whoever calls it", async () => {
  ends.push(logLibraryConsole(logger));
  await inLibrary("(target, text) => Promise.resolve(text).then(target.warn)")(console, TEXT);
  expect(written).toHaveLength(1);
  expect(written.join("")).not.toContain(TEXT);
  expect(say).not.toHaveBeenCalled();
});

it("leaves alone what this project writes itself", () => {
  ends.push(logLibraryConsole(logger));
  globalThis.console.warn(TEXT);
  expect(say).toHaveBeenCalledWith(TEXT);
  expect(written).toEqual([]);
});

it("holds until the last gateway of the process has ended, whichever began first", async () => {
  const [first, second] = [logLibraryConsole(logger), logLibraryConsole(logger)];
  await first();
  expect(globalThis.console.warn).not.toBe(original);
  await second();
  expect(globalThis.console.warn).toBe(original);
});
