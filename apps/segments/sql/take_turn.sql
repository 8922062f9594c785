-- Hold the place of one count until its transaction ends, so that the next count of the same page can find it.
-- Parameters: page, turn (each 0 .. 2^31 - 1). Shared and only tried: it never waits. Touches nothing. Rows: one.
select pg_try_advisory_xact_lock_shared(%(page)s::int, %(turn)s::int)
