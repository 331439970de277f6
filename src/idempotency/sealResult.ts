import { type ExecutionResult, GraphQLError } from "graphql";

import { AppError } from "../errors/AppError.ts";
import { writeAnswer } from "./answerOf.ts";
import { sealAnswer } from "./sealedAnswer.ts";

/** Bytes, as the table has it; more would fail with the transaction, and so undo what the answer is about. */
const MAXIMUM_SEALED_BYTES = 1_048_576;

/** What a repetition is told whose first answer was too large: it was carried out, and is not carried out again. */
const NOT_KEPT: ExecutionResult = {
  errors: [new GraphQLError("The answer was not kept.", { originalError: new AppError("ANSWER_NOT_KEPT") })],
};

/** Seals what a request will be answered with from now on: its result, if it is not too large to be kept. */
export function sealResult(key: string, requestHash: Buffer, result: ExecutionResult): Buffer {
  const sealed = sealAnswer(key, requestHash, writeAnswer(result));
  return sealed.length <= MAXIMUM_SEALED_BYTES ? sealed : sealAnswer(key, requestHash, writeAnswer(NOT_KEPT));
}
