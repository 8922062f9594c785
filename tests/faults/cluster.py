"""A PostgreSQL of one test's own, made of the embedded one's parts: to be stopped, killed, filled, put back in time."""

import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import count
from pathlib import Path
from time import sleep

import psycopg
from django.conf import settings
from django.db import connection

from config import env
from config.embedded import Home
from config.embedded import account as accounts
from config.embedded import home as homes
from config.embedded.postgres import Postgres
from config.embedded.server import wait_until_ready
from config.processes import Child

IMMEDIATE = signal.SIGQUIT
FAST = signal.SIGINT
_numbers = count(1)


@dataclass(frozen=True, slots=True)
class Mould:
    """A stopped cluster with our tables in it, to be copied for each test."""

    home: Home
    programs: Path


class Cluster:
    """One server. `parameters` are PostgreSQL's, on its command line."""

    def __init__(self, mould: Mould, folder: Path, **parameters: str) -> None:
        self.home = replace(mould.home, data_dir=folder, root=folder, run=folder / "run")
        self.folder = folder / "postgres"
        self.programs = mould.programs
        self.stops = 0
        self._account = accounts.for_servers()
        self._parameters = parameters
        self._server = Postgres(self.home, mould.programs, durable=False)
        self.home.run.mkdir(mode=0o700)
        self._account.own(self.home.run)

    @property
    def url(self) -> str:
        return self.home.database_url()

    def start(self) -> None:
        """Start, and wait until it answers: after a crash it replays its log first."""
        self._server.initialise(self._account)
        program = self._server.program(self._account, self.home.root / "postgresql.log")
        given = [f"--{name}={value}" for name, value in self._parameters.items()]
        self.child = Child(replace(program, command=[*program.command, *given]))
        self.child.start()
        wait_until_ready(self._server, self.child)

    def stop(self, how: signal.Signals) -> None:
        """What `pg_ctl stop -m fast` or `-m immediate` does."""
        pid = int((self.folder / "postmaster.pid").read_text().split("\n", 1)[0])
        connection.close()
        self.child.program = replace(self.child.program, gentle=how)
        self.child.stop()
        assert not Path(f"/proc/{pid}").exists(), "the server is still there"
        self.stops += 1

    def restart(self, how: signal.Signals, *, away_seconds: float = 0.0) -> None:
        self.stop(how)
        sleep(away_seconds)
        self.start()

    def back_up(self) -> None:
        """A cold base backup; with wal_keep_size the log since then stays."""
        self.stop(FAST)
        subprocess.run(["cp", "-a", self.folder, self.home.root / "backup"], check=True)
        self.start()

    def go_back_to(self, moment: datetime) -> None:
        """What a standby that lagged behind knows: the backup and the log up to that moment. Then it serves."""
        lost = self.home.root / "lost"
        self.folder.rename(lost)
        (self.home.root / "backup").rename(self.folder)
        (self.folder / "recovery.signal").touch()
        self._account.own(self.folder / "recovery.signal")
        usual = self._parameters
        self._parameters = {
            **usual,
            "restore_command": f"cp {lost}/pg_wal/%f %p",
            "recovery_target_time": moment.isoformat(),
            "recovery_target_action": "promote",
        }
        self.start()
        self._parameters = usual
        with self.connect() as session:
            while session.execute("select pg_is_in_recovery()").fetchone() != (False,):
                sleep(0.1)

    def end(self) -> None:
        self.child.stop()

    def connect(self, database: str = homes.DATABASE) -> psycopg.Connection:
        """A session of somebody else's."""
        return psycopg.connect(self.home.database_url(database), autocommit=True)

    def own(self, path: Path) -> None:
        """Give a folder to the servers' user."""
        self._account.own(path)

    def run(self, program: str, *arguments: str) -> None:
        """One of PostgreSQL's own programs, as the servers' user. It finds the server by itself."""
        environment = {"PGHOST": str(self.home.run), "PGUSER": homes.USER, "PGPASSWORD": self.home.postgres_password}
        command = [str(self.programs / program), *arguments]
        subprocess.run(command, check=True, cwd="/", env=environment, **self._account.popen_arguments())


def make_mould(folder: Path) -> Mould:
    """A cluster whose database is a copy of the session's test database."""
    account = accounts.for_servers()
    home = homes.prepare(folder, account, print)
    mould = Mould(home, homes.postgres_folder(settings.EMBEDDED, account))
    shutil.rmtree(home.run)
    cluster = Cluster(mould, folder)
    cluster.start()
    source = settings.EMBEDDED.database_url(connection.settings_dict["NAME"])
    dump = subprocess.run([mould.programs / "pg_dump", "--format=custom", source], check=True, capture_output=True)
    restore = [mould.programs / "pg_restore", "--no-owner", f"--dbname={cluster.url}"]
    subprocess.run(restore, check=True, input=dump.stdout)
    cluster.end()
    shutil.rmtree(home.run)
    return mould


def poured(mould: Mould, folder: Path, **parameters: str) -> Cluster:
    """A running copy of the mould. The caller ends it."""
    subprocess.run(["cp", "-a", mould.home.root / "postgres", folder / "postgres"], check=True)
    cluster = Cluster(mould, folder, **parameters)
    cluster.start()
    _number_apart(cluster)
    return cluster


def _number_apart(cluster: Cluster) -> None:
    """Its rows get numbers like no others of this process, which counts and remembers keys and apps by number."""
    with cluster.connect() as session:
        session.execute(
            "select setval(format('%%I.%%I', schemaname, sequencename)::regclass, %s) from pg_sequences"
            " where data_type = 'bigint'::regtype",
            [next(_numbers) * 10**9],
        )


@contextmanager
def as_default(url: str) -> Iterator[None]:
    """Inside, the test's own connection goes there, as with this DATABASE_URL."""
    connection.close()
    usual = dict(connection.settings_dict)
    given = env.database(url)
    options = usual["OPTIONS"] | given.pop("OPTIONS", {})
    connection.settings_dict.update({**given, "OPTIONS": options, "ENGINE": usual["ENGINE"]})
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict.clear()
        connection.settings_dict.update(usual)
