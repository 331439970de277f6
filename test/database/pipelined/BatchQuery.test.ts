import { Writable } from "node:stream";
import { setImmediate as nextTurn } from "node:timers/promises";

import { expect, it } from "@jest/globals";

import { BatchQuery } from "../../../src/database/pipelined/BatchQuery.ts";
import { PreparedStatements } from "../../../src/database/pipelined/PreparedStatements.ts";

it("what several requests ask in one turn of the event loop goes out in one write", async () => {
  const writes: number[] = [];
  const stream = new Writable({
    writev: (chunks, done) => {
      writes.push(chunks.length);
      done();
    },
  });
  const message = () => void stream.write("x");
  const connection = {
    stream,
    parse: message,
    bind: message,
    describe: message,
    execute: message,
    close: message,
    sync: message,
  };
  const prepared = new PreparedStatements(10);
  for (const value of [1, 2]) {
    const statement = { name: "one", text: "select $1::int", values: [value] };
    new BatchQuery({ role: "app_user" }, statement, prepared, () => undefined).submit(connection);
  }
  expect(writes).toEqual([]);
  await nextTurn();
  // Settings (parse, bind, execute) and statement (parse, bind, describe, execute, sync); the second parses neither.
  expect(writes).toEqual([8 + 6]);
});
