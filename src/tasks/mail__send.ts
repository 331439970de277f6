import { isUuid } from "../auth/claims.ts";
import { systemTask } from "../jobs/systemTask.ts";
import { taskServices } from "../jobs/taskServices.ts";
import { invalidPayload } from "../jobs/tenantTask.ts";
import { isTemplateName, type TemplateName, TEMPLATES, writeLetter } from "../mail/templates.ts";

interface Payload {
  template: TemplateName;
  /** Whom it is for, where the template is for somebody who has an account. */
  userId: string | null;
  /** What it is about, where it is about something. */
  subjectId: string | null;
}

interface Addressed {
  address: string;
  code: string | null;
}

const ADDRESS = "select address, code from app_hidden.address_mail($1, $2::uuid, $3::uuid)";

/**
 * Sends one mail. The payload has ids only; to whom it goes is read now, and somebody who is gone gets none. What is sent
 * is sent at least once: a second copy, after a worker was killed between sending and saying so, has the first one's
 * Message-ID. No transaction waits for the mail server.
 */
export default systemTask("mail__send", {
  timeout: 6 * 60_000,
  maxAttempts: 12,
  parse: parsePayload,
  async perform({
    payload: { template, userId, subjectId },
    jobId,
    inSystem,
    claimEffect,
    hasTakenEffect,
    signal,
  }) {
    const { mail, appUrl } = taskServices();
    const key = TEMPLATES[template].isOnce ? `${template}:${subjectId}:${userId}` : jobId;
    // Committed before it is sent: a code that works in no database must be in no mail. And none is made for a mail that
    // was sent: it would put the one that was mailed out of use.
    const addressed = await inSystem(async (client) => {
      if (await hasTakenEffect(client, key)) {
        return "sent";
      }
      const { rows } = await client.query<Addressed>(ADDRESS, [template, userId, subjectId]);
      return rows[0];
    });
    if (addressed === "sent") {
      return { nothing: `The mail '${template}' was sent before.` };
    }
    if (!addressed) {
      return { nothing: `There is nobody (any more) to send a mail '${template}' to.` };
    }
    const { address: to, code } = addressed;
    const letter = writeLetter(template, { appUrl, subjectId, code });
    await mail.send({ to, key: `mail:${key}`, ...letter }, signal);
    await inSystem((client) => claimEffect(client, key));
  },
});

function parsePayload(payload: Readonly<Record<string, unknown>>): Payload {
  const { template, userId = null, subjectId = null } = payload;
  const isIdOrNull = (id: unknown): id is string | null => id === null || isUuid(id);
  if (!isTemplateName(template) || !isIdOrNull(userId) || !isIdOrNull(subjectId)) {
    throw invalidPayload("mail__send", "a template and ids that are uuids", payload);
  }
  return { template, userId, subjectId };
}
