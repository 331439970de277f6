-- Finds: Postgres 15.4
-- Server: 150004
select 1;

-- Fix:
-- Server: 150018
