-- Stop the counts that a newer count of the same page makes useless, and say whether there is a newer one still.
-- Parameters: page, turn (each 0 .. 2^31 - 1). Every running count holds the advisory lock (page, turn) until the end
-- of its transaction, so a process found by it is at this page's count now: no number of a process is ever kept, and
-- none that was given to somebody else is hit. Returns is_superseded, cancelled. Touches nothing. Rows: one.
-- PostgreSQL itself lets only the same role (or a superuser) cancel.
with counting as materialized (
    select pid, objid::bigint as turn
    from pg_locks
    where locktype = 'advisory'
      and database = (select oid from pg_database where datname = current_database())
      and classid::bigint = %(page)s and objsubid = 2 and pid <> pg_backend_pid()
)
select coalesce(bool_or(turn > %(turn)s), false),
       coalesce(sum(case when turn < %(turn)s then pg_cancel_backend(pid)::int end), 0)
from counting
