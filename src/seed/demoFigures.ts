import { type DemoClinicName, type DemoRows, inClinic } from "./demoClinics.ts";
import { demoId } from "./demoId.ts";
import { demoUserId } from "./demoPeople.ts";

/** What somebody counted by hand; the rest is derived from appointments and care sessions. */
const MANUAL: [
  table: "financial_metrics" | "appointment_metrics" | "call_metrics" | "patient_metrics",
  clinic: DemoClinicName,
  day: string,
  figures: Record<string, number>,
][] = [
  ["financial_metrics", "downtown", "2026-02-03", { payments_received: 12_949, expenses: 8200 }],
  ["financial_metrics", "riverside", "2026-02-17", { payments_received: 9500, expenses: 6100 }],
  ["financial_metrics", "startup", "2026-02-24", { payments_received: 12_900 }],
  // Walk-ins stand in no book: they are added to what is derived.
  ["appointment_metrics", "downtown", "2026-02-03", { appointments_completed: 3 }],
  ["call_metrics", "downtown", "2026-02-03", { calls_received: 41, calls_answered: 37, calls_missed: 4 }],
  ["call_metrics", "downtown", "2026-02-04", { calls_received: 38, calls_answered: 36, calls_missed: 2 }],
  ["call_metrics", "riverside", "2026-02-17", { calls_received: 22, calls_answered: 19, calls_missed: 3 }],
  ["patient_metrics", "downtown", "2026-02-03", { patient_satisfaction: 92 }],
];

function manualRows(table: (typeof MANUAL)[number][0]) {
  return MANUAL.filter(([ofTable]) => ofTable === table).flatMap(([, clinic, day, figures]) =>
    Object.entries(figures).map(([key, value]) => ({
      id: demoId(`metric/${clinic}/${day}/${key}`),
      ...inClinic(clinic),
      metric_key: key,
      day,
      source: "manual",
      value,
    })),
  );
}

const ANSWERED_CALLS = {
  area: "call",
  metric_key: "calls_answered",
  source: null,
  measure: "total",
  direction: "at_least",
};

/** Figures that people entered, and what they want to reach; for `app_data`. The progress of goals comes by trigger. */
export const DEMO_FIGURES: DemoRows = {
  financial_metrics: manualRows("financial_metrics"),
  appointment_metrics: manualRows("appointment_metrics"),
  call_metrics: manualRows("call_metrics"),
  patient_metrics: manualRows("patient_metrics"),
  goal_templates: [
    {
      id: demoId("goal_template/acme/answered calls"),
      organization_id: inClinic("downtown").organization_id,
      name: "Answer the phone",
      description: "Calls that somebody answered, in a month.",
      ...ANSWERED_CALLS,
      period: "month",
      target: 400,
      created_by: demoUserId("alice"),
    },
  ],
  goals: [
    {
      id: demoId("goal/downtown/answered calls"),
      ...inClinic("downtown"),
      goal_template_id: demoId("goal_template/acme/answered calls"),
      name: "Answer the phone",
      ...ANSWERED_CALLS,
      target: 400,
      starts_on: "2026-02-01",
      ends_on: "2026-02-28",
      created_by: demoUserId("alice"),
    },
    {
      id: demoId("goal/acme/revenue"),
      organization_id: inClinic("downtown").organization_id,
      clinic_id: null,
      goal_template_id: null,
      name: "Revenue of the first quarter",
      area: "financial",
      metric_key: "revenue",
      source: "derived",
      measure: "total",
      direction: "at_least",
      target: 20_000,
      starts_on: "2026-01-01",
      ends_on: "2026-03-31",
      created_by: demoUserId("alice"),
    },
  ],
};
