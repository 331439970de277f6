-- A snapshot of the figures of all organizations.
-- Caught by: 0041_materialized_view_reachable app_public.revenue
-- Ready: opens
create materialized view app_public.revenue as select organization_id, sum(value) from app_public.financial_metrics group by 1;
grant select on app_public.revenue to app_user;
