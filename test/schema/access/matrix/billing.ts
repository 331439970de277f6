import { type MatrixPart, row } from "./part.ts";

export const BILLING: MatrixPart = {
  visible: {
    "app_public.subscriptions": row(0, 0, 0, 0, 0, 0, 1, 0, 0, 2, 2, 0, 0, 0, 0),
    "app_public.feature_flag_definitions": row(2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 0, 0),
    "app_public.organization_feature_flags": row(0, 0, 0, 0, 0, 0, 1, 1, 0, 2, 2, 0, 0, 0, 0),
  },
  writes: [],
  refused: [
    "insert into app_public.subscriptions (organization_id) values (gen_random_uuid())",
    "update app_public.subscriptions set plan = 'enterprise'",
    "update app_public.subscriptions set seats = 1000",
    "insert into app_public.feature_flag_definitions (key, name, description) values ('x', 'x', 'x')",
    "update app_public.feature_flag_definitions set minimum_plan = null",
    "insert into app_public.organization_feature_flags (organization_id, flag_key, enabled) values (gen_random_uuid(), 'integrations', true)",
    "update app_public.organization_feature_flags set enabled = true",
    "select * from app_private.webhook_events",
  ],
};
