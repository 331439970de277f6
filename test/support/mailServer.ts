import { afterAll, beforeAll } from "@jest/globals";
import { SMTPServer } from "smtp-server";

export interface TakenMail {
  to: string[];
  /** Headers and bodies as they came, with soft line breaks taken out. */
  content: string;
}

/** A mail server of this machine, which keeps what it takes. */
export function useMailServer() {
  let mode: "accept" | "refuse" | "forget" | "hold" = "accept";
  const held: (() => void)[] = [];
  let mails: TakenMail[] = [];
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ["STARTTLS", "AUTH"],
    onRcptTo({ address }, _session, callback) {
      callback(
        mode === "refuse" ? Object.assign(new Error(`${address} is busy`), { responseCode: 450 }) : null,
      );
    },
    onData(stream, { envelope }, callback) {
      const chunks: Buffer[] = [];
      stream.on("data", (chunk: Buffer) => void chunks.push(chunk));
      stream.on("end", () => {
        const content = Buffer.concat(chunks).toString("utf8").replace(/=\r\n/g, "");
        mails.push({ to: envelope.rcptTo.map(({ address }) => address), content });
        if (mode === "hold") {
          held.push(() => callback(null));
          return;
        }
        callback(mode === "forget" ? Object.assign(new Error("Lost"), { responseCode: 451 }) : null);
      });
    },
  });
  beforeAll(() => new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve)));
  afterAll(() => new Promise<void>((resolve) => server.close(resolve)));
  return {
    url(): string {
      const address = server.server.address();
      return `smtp://127.0.0.1:${typeof address === "object" ? address?.port : ""}`;
    },
    accept: () => void (mode = "accept"),
    /** No recipient is taken. */
    refuse: () => void (mode = "refuse"),
    /** Mails are taken, and those who send them are told that they were not. */
    forget: () => void (mode = "forget"),
    /** Mails are taken, and those who send them wait for the word until `letGo`. */
    hold: () => void (mode = "hold"),
    held: () => held.length,
    letGo(): void {
      held.splice(0).forEach((answer) => answer());
    },
    /** What was taken since it was last asked. */
    taken(): TakenMail[] {
      const taken = mails;
      mails = [];
      return taken;
    },
  };
}
