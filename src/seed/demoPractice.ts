import { type DemoClinicName, type DemoRows, inClinic } from "./demoClinics.ts";
import { demoId } from "./demoId.ts";
import { demoUserId } from "./demoPeople.ts";
import { careSessionId } from "./demoRecords.ts";

/** What a template asks for, in the order in which it is asked. */
const SOAP_NOTE = "## Subjective\n\n## Objective\n\n## Assessment\n\n## Plan\n";

const SESSION_TEMPLATES: { key: string; clinic: DemoClinicName | null; name: string; body: string }[] = [
  { key: "acme", clinic: null, name: "Follow-up", body: `${SOAP_NOTE}\n## Since the last visit\n` },
  {
    key: "downtown",
    clinic: "downtown",
    name: "Cough and cold",
    body: `${SOAP_NOTE}\n## Duration, fever, sputum\n`,
  },
];

/** Said in order: who, and what; each takes three seconds. */
const TRANSCRIPTS = {
  pat: [
    ["provider", "How long have you had this cough?"],
    ["patient", "Three weeks now. It is worse at night."],
    ["provider", "Your lungs sound clear. It is an acute bronchitis; antibiotics would not help."],
  ],
  marie: [
    ["provider", "140 over 85. Do you take the tablets every day?"],
    ["patient", "Yes, in the morning."],
  ],
} as const;
const UTTERANCE_MILLISECONDS = 3000;

const VISIT_STARTS = { pat: "2026-02-03T14:00:00Z", marie: "2026-02-03T15:00:00Z" } as const;

const SHEET_ID = demoId("integration/riverside/call sheet");

/** What the demo clinics wrote down, took out, and connected; for `app_data`, after DEMO_RECORDS. */
export const DEMO_PRACTICE: DemoRows = {
  session_transcripts: (["pat", "marie"] as const).map((patient) => ({
    id: demoId(`session_transcript/${patient}`),
    ...inClinic("downtown"),
    care_session_id: careSessionId(patient, VISIT_STARTS[patient]),
    status: patient === "pat" ? "final" : "draft",
    segments: TRANSCRIPTS[patient].map(([speaker, text], index) => ({
      startMs: index * UTTERANCE_MILLISECONDS,
      endMs: (index + 1) * UTTERANCE_MILLISECONDS,
      speaker,
      text,
    })),
    created_by: demoUserId("alice"),
  })),
  session_templates: SESSION_TEMPLATES.map(({ key, clinic, name, body }) => ({
    id: demoId(`session_template/${key}`),
    organization_id: inClinic("downtown").organization_id,
    clinic_id: clinic && inClinic(clinic).clinic_id,
    name,
    version: 1,
    body,
    created_by: demoUserId("alice"),
  })),
  integrations: [
    {
      id: SHEET_ID,
      ...inClinic("riverside"),
      provider: "google_sheets",
      name: "Call sheet",
      settings: { spreadsheetId: "demo-spreadsheet", sheet: "Figures" },
      schedule: "daily",
      created_by: demoUserId("carol"),
    },
  ],
  // No credential comes with the demo data, so this is how every run of it ends.
  integration_sync_runs: [
    {
      id: demoId("integration_sync_run/riverside/call sheet"),
      ...inClinic("riverside"),
      integration_id: SHEET_ID,
      status: "failed",
      started_at: "2026-02-18T05:00:00Z",
      finished_at: "2026-02-18T05:00:01Z",
      failure: "The integration is not connected.",
    },
  ],
};

/** Belongs to no organization, so no import writes it: for the administrator's own connection. */
export const DEMO_SYSTEM_TEMPLATES: DemoRows = {
  session_templates: [
    { id: demoId("session_template/system"), name: "SOAP note", version: 1, body: SOAP_NOTE },
  ],
};
