"""A real PgBouncer before a test's own PostgreSQL, set up as docs/sizing.md tells it to be."""

import os
import re
import shutil
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import psycopg

from config.embedded import account as accounts
from config.embedded import home as homes
from config.processes import Child, Program
from tests.faults.cluster import Cluster
from tests.house import free_port, wait_for

PROGRAM = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
# From here on it keeps prepared statements, also where a client closes some.
KEEPS_STATEMENTS = (1, 22)
_SETTINGS = """
[databases]
{database} = host={run} dbname={database}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = {users}
admin_users = {user}
pool_mode = transaction
default_pool_size = {sessions}
ignore_startup_parameters = options
server_login_retry = 1
query_wait_timeout = 10
{more}
"""
_ROLE = """
alter role {user} set plan_cache_mode = force_generic_plan;
alter role {user} set temp_buffers = '128MB';
alter role {user} set statement_timeout = '10min';
"""


class PgBouncer:
    """In transaction mode, with so many sessions for all who come."""

    def __init__(self, cluster: Cluster, folder: Path, *, sessions: int) -> None:
        self.port = free_port()
        self._cluster = cluster
        with cluster.connect() as session:
            session.execute(_ROLE.format(user=homes.USER))
        users, settings = folder / "users.txt", folder / "pgbouncer.ini"
        users.write_text(f'"{homes.USER}" "{cluster.home.postgres_password}"\n')
        more = "max_prepared_statements = 100" if version() >= KEEPS_STATEMENTS else ""
        settings.write_text(
            _SETTINGS.format(
                database=homes.DATABASE,
                run=cluster.home.run,
                port=self.port,
                users=users,
                user=homes.USER,
                sessions=sessions,
                more=more,
            )
        )
        command = [str(PROGRAM), "--quiet", str(settings)]
        popen = accounts.for_servers().popen_arguments()
        self._child = Child(Program("PgBouncer", command, folder / "pgbouncer.log", popen=popen))
        self._child.start()
        wait_for(self._answers, 20)

    @property
    def url(self) -> str:
        """For DATABASE_URL."""
        given = "DISABLE_SERVER_SIDE_CURSORS=True"
        if version() < KEEPS_STATEMENTS:
            given += "&prepare_threshold=None"
        return f"postgres://{self._login()}@127.0.0.1:{self.port}/{homes.DATABASE}?{given}"

    def clients(self) -> int:
        """How many are connected to it, but for who asks."""
        with psycopg.connect(self._admin(), autocommit=True) as session:
            return len(session.execute("show clients").fetchall()) - 1

    def end(self) -> None:
        self._child.stop()

    def _login(self) -> str:
        return urlsplit(self._cluster.url).netloc.rpartition("@")[0]

    def _admin(self) -> str:
        return f"postgres://{self._login()}@127.0.0.1:{self.port}/pgbouncer"

    def _answers(self) -> bool:
        try:
            return self.clients() == 0
        except psycopg.OperationalError:
            return False


def version() -> tuple[int, ...]:
    said = subprocess.run([str(PROGRAM), "--version"], capture_output=True, text=True, check=True).stdout
    found = re.search(r"PgBouncer (\d+)\.(\d+)", said)
    assert found, said
    return int(found[1]), int(found[2])
