import type { Task } from "graphile-worker";

import { isUuid } from "../auth/claims.ts";
import { inTransaction } from "../jobs/inOrganization.ts";
import { taskServices } from "../jobs/taskServices.ts";
import { isTemplateName, type TemplateName, TEMPLATES, writeLetter } from "../mail/templates.ts";

declare global {
  // eslint-disable-next-line @typescript-eslint/no-namespace -- how graphile-worker learns of a task's payload
  namespace GraphileWorker {
    interface Tasks {
      mail__send: {
        template: TemplateName;
        /** Whom it is for, where the template is for somebody who has an account. */
        userId?: string;
        /** What it is about, where it is about something. */
        subjectId?: string;
      };
    }
  }
}

interface Addressed {
  address: string;
  code: string | null;
}

const ADDRESS = "select address, code from app_hidden.address_mail($1, $2::uuid, $3::uuid)";

/**
 * Sends one mail. The payload has ids only; to whom it goes is read now, and somebody who is gone gets none. What is sent
 * is sent at least once: a second copy, after a worker was killed, has the first one's Message-ID.
 */
const task: Task<"mail__send"> = async (payload, { job, logger, withPgClient }) => {
  const { template, userId = null, subjectId = null } = assertPayload(payload);
  const { mail, appUrl } = taskServices();
  // Committed before it is sent: a code that works in no database must be in no mail.
  const addressed = await inTransaction(withPgClient, async (client) => {
    const { rows } = await client.query<Addressed>(ADDRESS, [template, userId, subjectId]);
    return rows[0];
  });
  if (!addressed) {
    logger.info(`There is nobody (any more) to send a mail '${template}' to.`);
    return;
  }
  const key = TEMPLATES[template].isOnce ? `mail:${template}:${subjectId}:${userId}` : `mail:${job.id}`;
  const { address: to, code } = addressed;
  await mail.send({ to, key, ...writeLetter(template, { appUrl, subjectId, code }) });
};

export default task;

function assertPayload(payload: unknown): GraphileWorker.Tasks["mail__send"] {
  const { template, userId, subjectId } = (payload ?? {}) as Record<string, unknown>;
  const isIdOrNone = (id: unknown) => id === undefined || isUuid(id);
  if (!isTemplateName(template) || !isIdOrNone(userId) || !isIdOrNone(subjectId)) {
    throw new Error(
      `mail__send needs a template and ids that are uuids; the payload has the keys ${Object.keys(payload ?? {}).join(", ")}`,
    );
  }
  return payload as GraphileWorker.Tasks["mail__send"];
}
