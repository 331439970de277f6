/** The load's own process: fires what it is told to, and tells what came back. Started by LoadGenerator. */
import autocannon, { type Client, type Request } from "autocannon";

export interface LoadRequest {
  path: string;
  headers: Record<string, string>;
  body: string;
  /** What a right answer contains. */
  expect: string;
}

export interface LoadTask {
  url: string;
  requests: LoadRequest[];
  connections: number;
  seconds: number;
}

export interface LoadResult {
  answered: number;
  seconds: number;
  /** Milliseconds. */
  p50: number;
  p99: number;
  /** Answers that were not right, and what the first of them was. */
  wrong: number;
  firstWrong: string | null;
  /** Connections that broke, and answers that did not come. */
  lost: number;
}

const HEAD = 400;
/** Requests that one connection goes round: more would take longer to prepare than to send. */
const MOST = 500;
/** Stands in a body for a text that is another one each time. */
const UNIQUE = "[<id>]";

async function fire({ url, requests, connections, seconds }: LoadTask): Promise<LoadResult> {
  const latencies: number[] = [];
  let wrong = 0;
  let firstWrong: string | null = null;
  const prepared: Request[] = requests.map(({ path, headers, body, expect }) => ({
    method: "POST",
    path,
    headers: { "content-type": "application/json", ...headers },
    body,
    onResponse(status, text) {
      if (status !== 200 || text.includes('"errors":') || !text.includes(expect)) {
        wrong++;
        firstWrong ??= `${status} ${text.slice(0, HEAD)}`;
      }
    },
  }));
  let next = 0;
  const began = performance.now();
  let ended = began;
  const { errors, timeouts } = await autocannon({
    url,
    connections,
    duration: seconds,
    // How often it looks whether the time is over.
    sampleInt: 50,
    timeout: 30,
    requests: prepared.slice(0, 1),
    idReplacement: requests.some(({ body }) => body.includes(UNIQUE)),
    // Each connection begins somewhere else: together they ask for everything at any moment.
    setupClient(client: Client) {
      const start = Math.floor((next++ / connections) * prepared.length);
      const own = [...prepared.slice(start), ...prepared.slice(0, start)].slice(0, MOST);
      client.setRequests(own.map((request) => ({ ...request })));
      client.on("response", (_status, _bytes, milliseconds) => {
        latencies.push(milliseconds);
        ended = performance.now();
      });
    },
  });
  const sorted = Float64Array.from(latencies).sort();
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN;
  return {
    answered: sorted.length,
    seconds: (ended - began) / 1000,
    p50: at(0.5),
    p99: at(0.99),
    wrong,
    firstWrong,
    lost: errors + timeouts,
  };
}

process.on("message", (task: LoadTask) => {
  fire(task).then(
    (result) => process.send?.({ result }),
    (error: unknown) => process.send?.({ problem: String(error) }),
  );
});
process.on("disconnect", () => process.exit());
