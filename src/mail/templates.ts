import { escapeHtml } from "./escapeHtml.ts";

/** What a mail says. No value of a record is in it, in no part: what there is to read is behind the link. */
interface Template {
  subject: string;
  /** Paragraphs, in this order, before the link. */
  text: readonly string[];
  /** Path of the application that the link leads to; a code goes behind `#`, which browsers send to no server. */
  path(ids: { subjectId: string | null }): string;
  /** The same where there is no code to send. */
  withoutCode?: Pick<Template, "subject" | "text" | "path">;
  /** Whether one subject is mailed to one person once, whatever enqueues it; else each job is a mail of its own. */
  isOnce: boolean;
}

/** Every mail there is, by the name that jobs call it. `app_hidden.address_mail` knows the same names. */
export const TEMPLATES = {
  verify_email: {
    subject: "Confirm your e-mail address",
    text: [
      "Somebody, most likely you, has given this address for an account. Open the link to confirm that it is yours; it works once, for one day.",
      "If it was not you, do nothing: the address stays unconfirmed.",
    ],
    path: () => "/verify-email",
    isOnce: false,
  },
  registration: {
    subject: "Confirm your e-mail address",
    text: [
      "Somebody, most likely you, has asked for an account with this address. Open the link to confirm that it is yours, and the account is made; the link works once, for one day.",
      "If it was not you, do nothing: there will be no account.",
    ],
    path: () => "/confirm-registration",
    withoutCode: {
      subject: "You have an account already",
      text: [
        "Somebody, most likely you, has asked for an account with this address, which has one already. Nothing was changed. To use it, sign in as you always do.",
        "If it was not you, there is nothing to do: whoever it was has not learned that you have an account.",
      ],
      path: () => "/sign-in",
    },
    isOnce: false,
  },
  invitation: {
    subject: "You are invited",
    text: [
      "You are invited to work with an organization. Sign in with this address, or register with it, and open the link to accept. It works until the invitation expires.",
    ],
    path: () => "/invitation",
    isOnce: false,
  },
  weekly_report: {
    subject: "A weekly report is ready",
    text: ["The report of last week is ready for you. Sign in to read it."],
    path: ({ subjectId }) => `/reports/${subjectId ?? ""}`,
    isOnce: true,
  },
  export_ready: {
    subject: "Your export is ready",
    text: ["The export that you asked for is ready. Sign in to fetch it before it expires."],
    path: ({ subjectId }) => `/exports/${subjectId ?? ""}`,
    isOnce: true,
  },
  break_glass_opened: {
    subject: "An emergency access waits for your review",
    text: [
      "Somebody opened a record in an emergency. Sign in to review it, and to end the access if it must end.",
    ],
    path: ({ subjectId }) => `/emergency-accesses/${subjectId ?? ""}`,
    isOnce: true,
  },
  break_glass_unreviewed: {
    subject: "An emergency access still waits for your review",
    text: ["An emergency access was opened days ago, and nobody has reviewed it. Sign in to review it."],
    path: ({ subjectId }) => `/emergency-accesses/${subjectId ?? ""}`,
    isOnce: false,
  },
} as const satisfies Record<string, Template>;

export type TemplateName = keyof typeof TEMPLATES;

export function isTemplateName(name: unknown): name is TemplateName {
  return typeof name === "string" && Object.hasOwn(TEMPLATES, name);
}

export interface LetterText {
  subject: string;
  text: string;
  html: string;
}

/**
 * Writes a mail out as plain text and HTML.
 *
 * @param appUrl where people use the application, without a slash at its end.
 * @param code what the link ends with, if the template's has one.
 */
export function writeLetter(
  name: TemplateName,
  { appUrl, subjectId, code }: { appUrl: string; subjectId: string | null; code: string | null },
): LetterText {
  const whole: Template = TEMPLATES[name];
  const template = code === null ? (whole.withoutCode ?? whole) : whole;
  const path = template.path({ subjectId: subjectId && encodeURIComponent(subjectId) });
  const link = `${appUrl}${path}${code === null ? "" : `#${encodeURIComponent(code)}`}`;
  const href = escapeHtml(link);
  return {
    subject: template.subject,
    text: `${[...template.text, link].join("\n\n")}\n`,
    html: `<!doctype html><html lang="en"><body>${template.text
      .map((paragraph) => `<p>${escapeHtml(paragraph)}</p>`)
      .join("")}<p><a href="${href}">${href}</a></p></body></html>`,
  };
}
