create table if not exists app_public.notifications (
  id uuid primary key default app_hidden.uuid_v7(),
  organization_id uuid not null references app_public.organizations on delete cascade,
  user_id uuid not null references app_public.users on delete cascade,
  kind text not null,
  subject_table text not null,
  subject_id uuid not null,
  read_at timestamptz,
  effect_key text not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (organization_id, effect_key)
);
create index if not exists notifications_organization_id_user_id_idx
  on app_public.notifications (organization_id, user_id, created_at desc, id desc);
create index if not exists notifications_user_id_idx on app_public.notifications (user_id, created_at desc, id desc);

--!include jobs/notifications.sql
--!include jobs/add_job.sql
--!include jobs/enqueue_appointments.sql
