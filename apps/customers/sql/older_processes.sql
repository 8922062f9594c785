-- Which programs of a release before are connected to this database, as our own user, in whatever process on whatever host.
-- Parameters: reads (config.release.READS: what those of this release can read; a connection without our name reads 0).
-- Rows: what they call themselves, from which address ("" = this host), connected since, how many.
-- psql and pg_dump send nothing to anybody. Behind a pooler a connection has the name of who used it last.
select application_name, coalesce(host(client_addr), ''), min(backend_start), count(*)
from pg_stat_activity
where datname = current_database() and usename = session_user and backend_type = 'client backend'
  and pid <> pg_backend_pid()
  and coalesce(substring(application_name from '^heliograph/([0-9]{1,9})')::integer, 0) < %(reads)s
  and application_name !~ '^(psql$|pg_)'
group by application_name, client_addr
order by min(backend_start)
