const MESSAGES = {
  CANNOT_OPEN: "This does not open: it was changed or moved, or another key sealed it.",
  ROLLED_BACK: "The server gave an older version of this record than one that was seen before.",
  UNSUPPORTED: "This envelope has a form or an algorithm that this client does not know.",
  TOO_LARGE: "The content is larger than one envelope holds.",
  BAD_LINK: "This is not a complete link to a share.",
} as const;

export type VaultErrorReason = keyof typeof MESSAGES;

/** Why the vault client refused. Says nothing about keys or content, so that it can be logged. */
export class VaultError extends Error {
  override readonly name = "VaultError";
  readonly reason: VaultErrorReason;

  constructor(reason: VaultErrorReason, options?: ErrorOptions) {
    super(MESSAGES[reason], options);
    this.reason = reason;
  }
}
