/** Hand-written, as most such servers are: Express, a pool, and a transaction of four round trips. */
import express from "express";
import pg from "pg";

import { DATABASE_URL, JWT_SECRET, PORT, settingsOf } from "./identity.ts";
import { STATEMENTS, type Variables } from "./statements.ts";

const SET = "select set_config(key, value, true) from json_each_text($1)";
const pool = new pg.Pool({ connectionString: DATABASE_URL, max: 10 });
const app = express();
app.use(express.json());

app.post("/:operation", async (request, response) => {
  const { operation } = request.params;
  const { text, values, answer } = STATEMENTS[operation] ?? {};
  if (!text || !values || !answer) {
    response.sendStatus(404);
    return;
  }
  const settings = settingsOf(request.headers.authorization, JWT_SECRET);
  const client = await pool.connect();
  try {
    await client.query("begin");
    await client.query({ name: "settings", text: SET, values: [JSON.stringify(settings)] });
    const { rows } = await client.query({ name: operation, text, values: values(request.body as Variables) });
    await client.query("commit");
    response.json({ data: answer(rows) });
  } catch (error) {
    await client.query("rollback");
    response.status(500).json({ errors: [{ message: String(error) }] });
  } finally {
    client.release();
  }
});

app.listen(Number(PORT), "127.0.0.1");
