import { type Bench, type Figure, metricOf, withGateway } from "./bench.ts";
import { closedLoad, makeSender, tally } from "./load.ts";

/** Fault 25: the tables change under prepared plans. */
export async function changingTables(bench: Bench): Promise<Figure[]> {
  for (const statement of [
    "create table app_public.notices (id int primary key, title varchar(20) not null)",
    "insert into app_public.notices values (1, 'hello')",
    "grant select on app_public.notices to app_user",
    "alter table app_public.notices enable row level security",
    "alter table app_public.notices force row level security",
    "create policy select_all on app_public.notices for select to app_user using (id > 0)",
  ]) {
    await bench.superuser.query(statement);
  }
  // The result of a compiled read is one text, whatever the columns are: only Grafast's statements can meet this.
  const figures = await withGateway(bench, { COMPILED_READS: "false" }, async (gateway) => {
    const sender = makeSender(gateway.url, bench.headersOf(bench.world.here.provider));
    const load = closedLoad(() => sender.send("{ notices { nodes { title } } }"), 8, bench.seconds * 1000);
    const changes = 20;
    for (let change = 0; change < changes; change++) {
      await new Promise((resolve) => setTimeout(resolve, (bench.seconds * 1000) / (changes + 1)));
      const type = change % 2 === 0 ? "text" : "varchar(30)";
      await bench.superuser.query(`alter table app_public.notices alter column title type ${type}`);
    }
    const outcomes = await load;
    sender.close();
    const errors = outcomes.filter(({ answer }) => !answer?.text.includes('"hello"')).length;
    const retries = await metricOf(gateway, 'bailiwick_database_retries_total{sqlstate="0A000"}');
    return [
      {
        number: "25",
        fault: `A column changes its type ${changes} times under load`,
        promise: "“cached plan must not change result type” reaches nobody",
        measured: `${errors} errors in ${outcomes.length.toLocaleString("en")} answers (${tally(outcomes)}); ${retries} transactions run again`,
        holds: errors === 0 && retries > 0,
      },
    ];
  });
  await bench.superuser.query("drop table app_public.notices");
  return figures;
}

/** Fault 26: transactions that stand in each other's way. */
export async function deadlocks(bench: Bench): Promise<Figure[]> {
  const pairs = 30;
  return withGateway(bench, {}, async (gateway) => {
    const sender = makeSender(gateway.url, bench.headersOf(bench.world.here.provider));
    const cross = (first: number, second: number) =>
      sender.send(`mutation { crossWays(input: { first: ${first}, second: ${second} }) { result } }`);
    let failed = 0;
    for (let round = 0; round < pairs / 3; round++) {
      const numbers = [0, 1, 2].map((pair) => 1000 + round * 10 + pair * 2);
      const answers = await Promise.all(numbers.flatMap((n) => [cross(n, n + 1), cross(n + 1, n)]));
      failed += answers.filter(({ text }) => text.includes('"errors"')).length;
    }
    sender.close();
    const retries = await metricOf(gateway, 'bailiwick_database_retries_total{sqlstate="40P01"}');
    return [
      {
        number: "26",
        fault: `${pairs} pairs of mutations that deadlock`,
        promise: "the loser is run again (at most 3 times, a transaction of one statement): 0 errors",
        measured: `${failed} of ${pairs * 2} failed; ${retries} run again`,
        holds: failed === 0 && retries > 0,
      },
    ];
  });
}

/** Fault 27: a hundred people want the same thing. */
export async function sameSlot(bench: Bench): Promise<Figure[]> {
  const clients = 100;
  const { here } = bench.world;
  return withGateway(
    bench,
    { GATEWAY_POOL_WAIT: "30000", MAX_CONCURRENT_REQUESTS: "200" },
    async (gateway) => {
      const sender = makeSender(gateway.url, bench.headersOf(here.provider));
      const book = () =>
        sender.send(
          `mutation { bookAppointment(input: { patientId: "${here.patient.id}", clinicId: "${here.clinic.id}", startsAt: "2032-03-03T10:00:00Z", endsAt: "2032-03-03T11:00:00Z" }) { result { id } } }`,
        );
      const answers = await Promise.all(Array.from({ length: clients }, book));
      sender.close();
      const count = (words: string) => answers.filter(({ text }) => text.includes(words)).length;
      const won = answers.filter(({ text }) => !text.includes('"errors"')).length;
      const lost = count('"APPOINTMENT_OVERLAP"');
      const { rows } = await bench.superuser.query<{ count: number }>(
        "select count(*)::int as count from app_public.appointments where provider_id = $1 and during @> timestamptz '2032-03-03T10:30:00Z'",
        [here.provider.userId],
      );
      return [
        {
          number: "27",
          fault: `${clients} clients book the same hour of the same provider`,
          promise: "exactly one gets it; every other is told why",
          measured: `${won} booked, ${lost} told APPOINTMENT_OVERLAP; ${rows[0]?.count} appointment in the database`,
          holds: won === 1 && lost === clients - 1 && rows[0]?.count === 1,
        },
      ];
    },
  );
}
