import { CATALOGUE, type ErrorCode } from "./catalogue.ts";

export interface AppErrorOptions extends ErrorOptions {
  /** The argument, variable or input field that is wrong, for example `input.patient.birthDate`. */
  argument?: string;
  /** Seconds after which the request may be tried again. */
  retryAfter?: number;
}

/** An error whose code and message may be shown to a client. Without a message it carries the catalogue's. */
export class AppError extends Error {
  override readonly name = "AppError";
  readonly code: ErrorCode;
  readonly argument: string | undefined;
  readonly retryAfter: number | undefined;

  constructor(code: ErrorCode, message: string = CATALOGUE[code].message, options?: AppErrorOptions) {
    super(message, options);
    this.code = code;
    this.argument = options?.argument;
    this.retryAfter = options?.retryAfter;
  }

  get status(): number {
    return CATALOGUE[this.code].status;
  }
}
