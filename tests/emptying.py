"""How the database becomes clean after a test that commits.

Django's own flush would truncate what migrations put in (roles), fails on partitions of unmanaged tables, and sends
post_migrate each time. Here: rows born in migrations stay, every other table that has rows is truncated.
"""

from django.db import connection
from django.test import TransactionTestCase

TABLES = """
    select c.oid::regclass::text
    from pg_class c
    where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
    order by 1
"""


def keep_rows_of_migrations() -> None:
    """Call once, on the freshly migrated database."""
    from apps.customers.sealed import forget_keys

    kept = set(_tables_with_rows())

    def empty_the_rest(self: TransactionTestCase) -> None:
        filled = [table for table in _tables_with_rows() if table not in kept]
        if filled:
            with connection.cursor() as cursor:
                cursor.execute("set lock_timeout = '60s'")  # a process the test left behind fails, not hangs, the next
                cursor.execute("set heliograph.empties = 'yes'")  # the audit log refuses it otherwise
                cursor.execute(f"truncate {', '.join(filled)} cascade")
                cursor.execute("reset lock_timeout")
                cursor.execute("reset heliograph.empties")
        forget_keys()

    TransactionTestCase._fixture_teardown = empty_the_rest  # type: ignore[method-assign]


def end_other_sessions() -> None:
    """Before the database is dropped: threads of workers keep connections of their own."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where datname = current_database() and pid <> pg_backend_pid()"
        )


def _tables_with_rows() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(TABLES)
        tables = [name for (name,) in cursor.fetchall()]
        cursor.execute(" union all ".join(f"(select '{name}' from {name} limit 1)" for name in tables))
        return [name for (name,) in cursor.fetchall()]
