-- The exporter's role: it reads statistics and nothing else. Run as a superuser, on any database of the server:
--
--   DECKWATCH_PASSWORD=$(cat /run/secrets/deckwatch-password) psql -f role.sql
--
-- Again, with another password, changes the password. Under another name: -v role=watcher.
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

-- Whoever looks at the role should see what it is for.
COMMENT ON ROLE :"role" IS 'Monitoring by deckwatch';
