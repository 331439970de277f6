import { CATALOGUE, type ErrorCode } from "./catalogue.ts";

/** An error whose code and message may be shown to a client. Without a message it carries the catalogue's. */
export class AppError extends Error {
  override readonly name = "AppError";
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string = CATALOGUE[code].message, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }

  get status(): number {
    return CATALOGUE[this.code].status;
  }
}
