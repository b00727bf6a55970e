-- The exporter's role, which can only read statistics. Run as a superuser, in any database of the server:
--
--   DECKWATCH_PASSWORD=$(cat /run/secrets/deckwatch-password) psql -f role.sql
--
-- Run it again to change the password. For another role name: -v role=watcher.
\set ON_ERROR_STOP on
\if :{?role}
\else
  \set role deckwatch
\endif
\getenv password DECKWATCH_PASSWORD
\if :{?password}
\else
  DO $$ BEGIN RAISE EXCEPTION 'the password is missing: DECKWATCH_PASSWORD=… psql -f role.sql'; END $$;
\endif

SELECT format('CREATE ROLE %I LOGIN', :'role')
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'role') \gexec
SELECT format(
  'ALTER ROLE %I LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS CONNECTION LIMIT 5 PASSWORD %L',
  :'role', :'password'
) \gexec
GRANT pg_monitor TO :"role";

-- State the purpose of the role.
COMMENT ON ROLE :"role" IS 'Monitoring by deckwatch';
