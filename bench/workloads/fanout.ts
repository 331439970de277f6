import { setTimeout as sleep } from "node:timers/promises";

import { createClient } from "graphql-ws";
import pg from "pg";
import { WebSocket } from "ws";

import { type BenchPerson, findPeople } from "../data/people.ts";
import { median } from "../measure/median.ts";
import { ServerProcess } from "../peers/ServerProcess.ts";
import { SERVERS } from "../peers/servers.ts";
import { fixed, whole } from "../report/section.ts";
import type { Workload } from "./workload.ts";

const SUBSCRIBERS = { small: [20], full: [100, 500], huge: [100, 500, 1000] };
const CHANGES = 20;
const PATIENCE = 30_000;
/** Of the first attempt to reach everybody; each further one waits twice as long. */
const SETTLE = 3000;
/** Without an answer for so long, nothing is under way any more. */
const QUIET = 1000;

/** Everybody who listens, and when each was told of the change that is under way. */
class Audience {
  readonly #closers: (() => unknown)[] = [];
  /** Milliseconds until each subscriber was told first. */
  readonly #delays = new Map<number, number>();
  #began = 0;
  #lastAnswer = 0;
  #isComplete: () => void = () => undefined;
  readonly size: number;

  constructor(size: number) {
    this.size = size;
  }

  listen(url: string, { token, clinicId }: BenchPerson): void {
    const subscriber = this.#closers.length;
    const client = createClient({
      url: `${url.replace("http", "ws")}/graphql`,
      webSocketImpl: WebSocket,
      connectionParams: { authorization: `Bearer ${token}` },
      lazy: false,
    });
    const query = `subscription { appointmentChanged(clinicId: "${clinicId}") { operation appointment { rowId status } } }`;
    client.subscribe(
      { query },
      {
        next: ({ data }) => {
          // Nothing counts as an answer but the row itself.
          if (
            !(data as { appointmentChanged?: { appointment?: unknown } } | null)?.appointmentChanged
              ?.appointment
          ) {
            return;
          }
          this.#lastAnswer = performance.now();
          if (!this.#delays.has(subscriber)) {
            this.#delays.set(subscriber, this.#lastAnswer - this.#began);
            if (this.#delays.size === this.size) {
              this.#isComplete();
            }
          }
        },
        error: () => undefined,
        complete: () => undefined,
      },
    );
    this.#closers.push(() => client.dispose());
  }

  /** Milliseconds from the change until each was told. @throws when not everybody is. */
  async hear(change: () => Promise<unknown>, patience = PATIENCE): Promise<number[]> {
    this.#delays.clear();
    this.#began = performance.now();
    let timer: NodeJS.Timeout | undefined;
    const complete = new Promise<void>((resolve, reject) => {
      this.#isComplete = resolve;
      timer = setTimeout(
        () => reject(new Error(`Only ${this.#delays.size} of ${this.size} subscribers were told.`)),
        patience,
      );
    });
    await Promise.all([change(), complete]).finally(() => clearTimeout(timer));
    return [...this.#delays.values()];
  }

  /** Ends when all that was under way has arrived. */
  async becomeQuiet(): Promise<void> {
    while (performance.now() - this.#lastAnswer < QUIET) {
      await sleep(QUIET / 10);
    }
  }

  async leave(): Promise<void> {
    await Promise.all(this.#closers.map((close) => close()));
  }
}

async function measureAudience(
  url: string,
  person: BenchPerson,
  { size, superuser }: { size: number; superuser: pg.Pool },
): Promise<string[]> {
  const audience = new Audience(size);
  const change = () =>
    superuser.query(
      `update app_public.appointments set external_id = gen_random_uuid()::text
       where id = (select id from app_public.appointments where clinic_id = $1 order by id limit 1)`,
      [person.clinicId],
    );
  try {
    for (let each = 0; each < size; each++) {
      audience.listen(url, person);
    }
    await settle(audience, change);
    const rounds: number[][] = [];
    for (let each = 0; each < CHANGES; each++) {
      rounds.push((await audience.hear(change)).toSorted((a, b) => a - b));
    }
    const last = rounds.map((delays) => delays.at(-1) ?? NaN);
    const all = rounds.flat().toSorted((a, b) => a - b);
    const at = (share: number) => fixed(all[Math.floor((all.length - 1) * share)] ?? NaN, 1);
    return [
      whole(size),
      at(0.5),
      at(0.99),
      fixed(median(last), 1),
      whole(median(last.map((ms) => (1000 * size) / ms))),
    ];
  } finally {
    await audience.leave();
  }
}

/** Sockets are opened and subscribed in their own time: until a change has reached all of them, and nothing is under way. */
async function settle(audience: Audience, change: () => Promise<unknown>): Promise<void> {
  for (let patience = SETTLE; ; patience *= 2) {
    const problem = await audience.hear(change, patience).then(
      () => undefined,
      (error: unknown) => error,
    );
    await audience.becomeQuiet();
    if (problem === undefined) {
      return;
    }
    if (patience > PATIENCE) {
      throw problem;
    }
  }
}

export const fanout: Workload = {
  name: "fanout",
  async run({ data, options }) {
    const urls = await data.open("clinic", options.size);
    const [ours] = SERVERS.filter(({ isOurs }) => isOurs);
    const [person] = await findPeople(urls, data.config, 1);
    if (!ours || !person) {
      throw new Error("There is nobody to listen.");
    }
    const superuser = new pg.Pool({ connectionString: urls.superuser, max: 1 });
    const server = await ServerProcess.start(ours, data.config, urls);
    const rows: string[][] = [];
    try {
      for (const size of SUBSCRIBERS[options.size]) {
        rows.push(await measureAudience(server.url, person, { size, superuser }));
      }
    } finally {
      await server.stop();
      await superuser.end();
    }
    return {
      name: "fanout",
      title: "Fan-out: one change, many subscribers",
      about: `Websockets that listen for a clinic's appointments are told of a change, each with the row as row security shows it to them; from the statement that changes it until each subscriber has the answer, over ${CHANGES} changes. The subscribers share one process, which takes its part of the machine. The other servers have no such subscription.`,
      table: {
        head: ["subscribers", "p50 ms", "p99 ms", "until all are told, ms", "answers/s"],
        rows,
      },
      targets: [],
    };
  },
};
