import type { World } from "../../src/access/world/world.ts";
import { mailedCode } from "../support/accounts.ts";
import type { Actor, TestDatabase } from "../support/database.ts";
import type { TestGateway } from "../support/graphql.ts";
import type { TestReceiver } from "../support/receiver.ts";
import type { SheetsServer } from "../support/sheetsServer.ts";
import { addJob } from "../tasks/organizationWork.ts";
import { ask } from "./ask.ts";
import { shareFromTheVault } from "./shareFromTheVault.ts";

const PASSWORD = "canary-password of a day";
const NEW_PASSWORD = "canary-password of the next day";
const EMAIL = "somebody@example.com";
const GRANT = "result { userId sessionId accessToken refreshToken }";

interface Grant extends Actor {
  accessToken: string;
  refreshToken: string;
}

export interface CanaryDay {
  receiver: TestReceiver;
  google: SheetsServer;
  db: TestDatabase;
  api: TestGateway;
  world: World;
  /** What nobody outside may see besides values with a canary in them. */
  secrets: string[];
}

/**
 * What people do in a day, with canaries in everything that they write.
 *
 * @returns what they do when a worker has told them of it: the emergency is reviewed, the files are fetched.
 */
export async function liveThroughADay(day: CanaryDay): Promise<() => Promise<string[]>> {
  await connectOthers(day);
  await useAnAccount(day);
  const review = await careForPeople(day);
  const fetchFiles = await askForFiles(day);
  return async () => {
    await review();
    return fetchFiles();
  };
}

/** Somebody registers, mistypes the password, signs in and changes it. */
async function useAnAccount({ db, api, secrets }: CanaryDay): Promise<void> {
  // Who has confirmed before the mail is sent gets none any more; the other does.
  for (const email of [EMAIL, "later@example.com"]) {
    await ask(api, null, "mutation ($input: RegisterInput!) { register(input: $input) { result } }", {
      email,
      password: PASSWORD,
      displayName: "canary-name",
    });
  }
  const code = await mailedCode(db.superuser, EMAIL);
  const { result: first } = await ask<{ result: Grant }>(
    api,
    null,
    `mutation ($input: ConfirmRegistrationInput!) { confirmRegistration(input: $input) { ${GRANT} } }`,
    { code, password: PASSWORD, deviceName: "canary-device" },
  );
  const LOG_IN = `mutation ($input: LogInInput!) { logIn(input: $input) { ${GRANT} } }`;
  const mistyped = await ask(api, null, LOG_IN, { email: EMAIL, password: `${PASSWORD}!` }).catch(String);
  if (!String(mistyped).includes("INVALID_CREDENTIALS")) {
    throw new Error(`A wrong password is answered otherwise: ${String(mistyped)}`);
  }
  const { result: second } = await ask<{ result: Grant }>(api, null, LOG_IN, {
    email: EMAIL,
    password: PASSWORD,
  });
  await ask(
    api,
    second,
    "mutation ($input: ChangePasswordInput!) { changePassword(input: $input) { result } }",
    { currentPassword: PASSWORD, newPassword: NEW_PASSWORD },
  );
  secrets.push(code);
  for (const { accessToken, refreshToken } of [first, second]) {
    secrets.push(accessToken.split(".")[2] ?? "", refreshToken);
  }
}

/** A webhook and a sheet are connected, an appointment comes and goes, and somebody is invited. */
async function connectOthers({ api, world, secrets, receiver, google }: CanaryDay): Promise<void> {
  const { owner, here } = world;
  const { webhookEndpoint } = await ask<{ webhookEndpoint: { rowId: string } }>(
    api,
    owner,
    `mutation ($input: CreateWebhookEndpointInput!) { createWebhookEndpoint(input: $input) { webhookEndpoint { rowId } } }`,
    {
      webhookEndpoint: {
        url: `${receiver.url}/hooks?token=canary-url`,
        eventKinds: ["APPOINTMENT_CREATED", "APPOINTMENT_CHANGED"],
      },
    },
  );
  const { secret } = await ask<{ secret: string }>(
    api,
    owner,
    `mutation ($input: RotateWebhookSecretInput!) { rotateWebhookSecret(input: $input) { secret } }`,
    { endpointId: webhookEndpoint.rowId },
  );
  secrets.push(secret.slice("whsec_".length));
  const { integration } = await ask<{ integration: { rowId: string } }>(
    api,
    owner,
    `mutation ($input: CreateIntegrationInput!) { createIntegration(input: $input) { integration { rowId } } }`,
    {
      integration: {
        clinicId: here.clinic.id,
        provider: "GOOGLE_SHEETS",
        name: "canary-integration",
        settings: { spreadsheetId: "sheet_1", sheet: "Figures", note: "canary-settings" },
      },
    },
  );
  const integrationId = integration.rowId;
  const keyLine = (JSON.parse(google.keyFile) as { private_key: string }).private_key.split("\n")[3] ?? "";
  secrets.push(keyLine);
  await ask(
    api,
    owner,
    `mutation ($input: ConnectIntegrationInput!) { connectIntegration(input: $input) { clientMutationId } }`,
    { integrationId, secret: google.keyFile },
  );
  const { appointment } = await ask<{ appointment: { rowId: string } }>(
    api,
    here.provider,
    `mutation ($input: BookAppointmentInput!) { bookAppointment(input: $input) { appointment: result { rowId } } }`,
    {
      clinicId: here.clinic.id,
      patientId: here.patient.id,
      providerId: here.provider.userId,
      startsAt: "2031-03-03T15:00:00Z",
      endsAt: "2031-03-03T15:30:00Z",
      reason: "canary-reason",
      kind: "canary-kind",
    },
  );
  await ask(
    api,
    here.provider,
    `mutation ($input: CancelAppointmentInput!) { cancelAppointment(input: $input) { clientMutationId } }`,
    { appointmentId: appointment.rowId, reason: "canary-cancelled" },
  );
  await ask(
    api,
    owner,
    `mutation ($input: InviteMemberInput!) { inviteMember(input: $input) { clientMutationId } }`,
    { email: "canary@example.com", organizationId: world.own, organizationRole: "MEMBER" },
  );
  await ask(
    api,
    owner,
    `mutation ($input: SyncIntegrationInput!) { syncIntegration(input: $input) { clientMutationId } }`,
    { integrationId },
  );
}

/** What was said in a session is written down, a record is opened in an emergency, and one of the vault is shared. */
async function careForPeople({ api, world, secrets }: CanaryDay): Promise<() => Promise<unknown>> {
  const { here, there, owner } = world;
  await ask(
    api,
    here.provider,
    "mutation ($input: WriteTranscriptInput!) { writeTranscript(input: $input) { clientMutationId } }",
    {
      careSessionId: here.careSessionId,
      segments: [{ startMs: 0, endMs: 900, speaker: "provider", text: "canary-transcript" }],
    },
  );
  const opened = await api.query(
    there.provider,
    "mutation ($input: BreakGlassInput!) { breakGlass(input: $input) { result { rowId } } }",
    {
      variables: { input: { mrn: `canary-${here.patient.id}`, reason: "canary-reason of an emergency" } },
      headers: { "x-organization-id": world.own, "x-purpose-of-use": "emergency" },
    },
  );
  const { rowId: grantId } = opened.data.breakGlass.result;
  secrets.push(...(await shareFromTheVault(api, world.portal)));
  return () =>
    ask(
      api,
      owner,
      "mutation ($input: ReviewBreakGlassInput!) { reviewBreakGlass(input: $input) { clientMutationId } }",
      { grantId, note: "canary-note of a review" },
    );
}

/** An export and a report. */
async function askForFiles({ db, api, world, secrets }: CanaryDay): Promise<() => Promise<string[]>> {
  const { here, own } = world;
  const { result } = await ask<{ result: { rowId: string } }>(
    api,
    here.provider,
    "mutation ($input: RequestExportInput!) { requestExport(input: $input) { result { rowId } } }",
    { kind: "PATIENTS", format: "CSV", clinicId: here.clinic.id },
  );
  await addJob(db, "report__create_weekly", { organizationId: own, day: "2026-01-01" });
  const follow = async (person: Actor, query: string, input: object) => {
    const { result: link } = await ask<{ result: { path: string } }>(api, person, query, input);
    secrets.push(link.path.split("/").at(-1) ?? "");
    return (await fetch(`${api.url}${link.path}`)).text();
  };
  return async () => {
    const { rows } = await db.superuser.query<{ id: string }>(
      "select id from app_public.reports where clinic_id = $1 and period = 'week'",
      [here.clinic.id],
    );
    return [
      await follow(
        here.provider,
        "mutation ($input: CreateExportLinkInput!) { createExportLink(input: $input) { result { path } } }",
        { exportId: result.rowId },
      ),
      await follow(
        here.clinicAdmin,
        "mutation ($input: CreateReportLinkInput!) { createReportLink(input: $input) { result { path } } }",
        { reportId: rows[0]?.id, format: "CSV" },
      ),
    ];
  };
}
