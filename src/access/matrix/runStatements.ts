import type { Client } from "pg";

/** One try. It is undone before the next one, whatever it did. */
export interface Statement {
  /** A write; what it touched is counted. */
  sql: string;
  /** A query of one jsonb value, asked after the write has succeeded; or alone, when `sql` is empty. */
  asks?: string;
}

export interface Answer {
  /** Rows touched; null when the statement failed or only asked. */
  count: number | null;
  /** The SQLSTATE of its failure. */
  state: string | null;
  message: string | null;
  value: unknown;
}

/** The transaction's statement_timeout holds for a batch as a whole. */
const BATCH = 150;
const MARK = "access matrix: ";

/**
 * Runs statements one after the other as whoever the transaction is, each undone after it was tried. A block of plpgsql
 * runs with the rights of its caller and nobody else's, and saves three round trips a statement.
 *
 * @param client inside of a transaction.
 */
export async function runStatements(client: Client, statements: readonly Statement[]): Promise<Answer[]> {
  const answers: Answer[] = [];
  const heard = ({ message = "" }: { message?: string | undefined }) => {
    if (message.startsWith(MARK)) {
      answers.push(...(JSON.parse(message.slice(MARK.length)) as Answer[]));
    }
  };
  client.on("notice", heard);
  try {
    for (let start = 0; start < statements.length; start += BATCH) {
      await client.query(block(statements.slice(start, start + BATCH)));
    }
  } finally {
    client.off("notice", heard);
  }
  if (answers.length !== statements.length) {
    throw new Error(`${statements.length} statements were tried, and ${answers.length} answers came`);
  }
  return answers;
}

function block(statements: readonly Statement[]): string {
  return `\
do $matrix$
declare
  v_statement jsonb;
  v_answers jsonb[] := '{}';
  v_count bigint;
  v_value jsonb;
  v_state text;
  v_message text;
begin
  for v_statement in select * from jsonb_array_elements($statements$${JSON.stringify(statements)}$statements$) loop
    v_count := null;
    v_value := null;
    begin
      if v_statement ->> 'sql' <> '' then
        execute v_statement ->> 'sql';
        get diagnostics v_count = row_count;
      end if;
      if v_statement ? 'asks' then
        execute v_statement ->> 'asks' into v_value;
      end if;
      raise exception using errcode = 'MTRIX';
    exception
      when others then
        get stacked diagnostics v_state = returned_sqlstate, v_message = message_text;
        if v_state <> 'MTRIX' then
          v_count := null;
          v_value := null;
        end if;
    end;
    v_answers := v_answers || jsonb_build_object(
      'count', v_count,
      'value', v_value,
      'state', nullif(v_state, 'MTRIX'),
      'message', case when v_state <> 'MTRIX' then v_message end
    );
  end loop;
  raise notice '${MARK}%', to_jsonb(v_answers);
end
$matrix$`;
}
