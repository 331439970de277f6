import type { LoadRequest } from "../load/fire.ts";
import type { ServerProcess } from "../peers/ServerProcess.ts";
import { findDifference } from "./sameAnswer.ts";
import { answerOf } from "./target.ts";

export interface PreparedServer {
  process: Pick<ServerProcess, "server" | "url">;
  requests: LoadRequest[];
}

/** Questions of which every answer is compared. */
const SAMPLES = 25;

/** Asks every server the same questions. @throws where two answers are not the same: then there is nothing to time. */
export async function compareAnswers(prepared: readonly PreparedServer[]): Promise<void> {
  const [first] = prepared;
  const count = first?.requests.length ?? 0;
  const step = Math.max(1, Math.floor(count / SAMPLES));
  for (let index = 0; index < count; index += step) {
    let reference: { title: string; answer: unknown } | undefined;
    for (const { process, requests } of prepared) {
      const { title } = process.server;
      const request = requests[index];
      if (request === undefined) {
        throw new Error(`${title} has fewer questions than the others.`);
      }
      const answer = await answerOf(process.url, request).catch((cause: unknown) => {
        throw new Error(`${title} ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
      });
      reference ??= { title, answer };
      const difference = findDifference(reference.answer, answer);
      if (difference !== undefined) {
        throw new Error(`${reference.title} and ${title} do not answer the same, at ${difference}`);
      }
    }
  }
}
