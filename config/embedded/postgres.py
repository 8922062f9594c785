"""The embedded PostgreSQL: one cluster, one superuser, one database, on a Unix socket with a password."""

import os
import re
import shutil
import signal
import subprocess
from pathlib import Path

import psycopg
from psycopg import sql

from config.embedded.account import Account
from config.embedded.errors import Unusable
from config.embedded.home import DATABASE, USER, Home
from config.embedded.server import NotYet
from config.processes import Program

# Modest enough for a laptop; what is not here stands at PostgreSQL's default.
SETTINGS = {
    "listen_addresses": "",
    "max_connections": "100",
    "shared_buffers": "256MB",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "15min",
    "wal_compression": "on",
    "random_page_cost": "1.1",  # laptops have SSDs
    "jit": "off",  # costs more than it gains on statements of a second or less
    "timezone": "UTC",
    "log_timezone": "UTC",
}
# A cluster for tests may lose its data in a power cut, though not when a process is killed.
SETTINGS_NOT_DURABLE = {"fsync": "off", "full_page_writes": "off"}
BUILTIN_LOCALE_SINCE = 17
SMALLEST_SHARED_MEMORY = 512 * 1024 * 1024


class Postgres:
    """See Server. `programs` is the folder with initdb and postgres."""

    name = "PostgreSQL"

    def __init__(self, home: Home, programs: Path, *, durable: bool) -> None:
        self._home = home
        self._programs = programs
        self._durable = durable
        self._cluster = home.root / "postgres"

    def initialise(self, account: Account) -> None:
        if not (self._cluster / "PG_VERSION").exists():
            self._create_cluster(account)
        made_by = (self._cluster / "PG_VERSION").read_text().strip()
        if int(made_by) != self._major():
            raise Unusable(
                f"{self._cluster} was made by PostgreSQL {made_by}, the program is {self._major()}: "
                "dump it with the old one (pg_dump) or move the folder away"
            )
        self._clear_stale_pid()

    def program(self, account: Account, log: Path) -> Program:
        settings = {"unix_socket_directories": str(self._home.run), **SETTINGS, **_shared_memory()}
        if not self._durable:
            settings |= SETTINGS_NOT_DURABLE
        options = [f"--{name}={value}" for name, value in settings.items()]
        return Program(
            name=self.name,
            command=[str(self._programs / "postgres"), "-D", str(self._cluster), *options],
            log=log,
            gentle=signal.SIGINT,  # "fast": ends sessions, writes a checkpoint
            harsh=signal.SIGQUIT,  # "immediate": the next start replays the log
            popen=account.popen_arguments(),
        )

    def probe(self) -> None:
        try:
            with self._connect() as connection:
                found = connection.execute("select from pg_database where datname = %s", [DATABASE]).fetchone()
                if found is None:
                    connection.execute(sql.SQL("create database {}").format(sql.Identifier(DATABASE)))
        except psycopg.OperationalError as error:
            raise NotYet(str(error).strip().splitlines()[-1]) from error

    def _connect(self) -> psycopg.Connection:
        return psycopg.connect(
            host=str(self._home.run),
            user=USER,
            password=self._home.postgres_password,
            dbname="postgres",
            autocommit=True,
            connect_timeout=5,
        )

    def _create_cluster(self, account: Account) -> None:
        """initdb beside the final place, then rename: a killed initdb leaves nothing that looks finished."""
        partial = self._home.root / "postgres.partial"
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(mode=0o700)
        account.own(partial)
        password = self._home.run / "initdb.password"
        password.touch(mode=0o600)
        password.write_text(self._home.postgres_password)
        account.own(password)
        try:
            done = subprocess.run(
                [str(self._programs / "initdb"), "-D", str(partial), *self._initdb_options(password)],
                capture_output=True,
                text=True,
                check=False,
                cwd="/",
                **account.popen_arguments(),
            )
        finally:
            password.unlink()
        if done.returncode != 0:
            raise Unusable(f"initdb failed: {done.stderr.strip()}")
        partial.rename(self._cluster)

    def _initdb_options(self, password: Path) -> list[str]:
        options = [f"--username={USER}", f"--pwfile={password}", "--auth=scram-sha-256", "--encoding=UTF8"]
        if self._major() >= BUILTIN_LOCALE_SINCE:  # Unicode case rules on every platform alike
            options += ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        else:
            options += ["--locale=C.UTF-8"]
        return options if self._durable else [*options, "--no-sync"]

    def _major(self) -> int:
        said = subprocess.run([self._programs / "postgres", "--version"], capture_output=True, text=True, check=True)
        match = re.search(r"\(PostgreSQL\) (\d+)", said.stdout)
        return int(match[1]) if match else 0

    def _clear_stale_pid(self) -> None:
        """After a crash: end a postmaster that outlived its keeper, or forget a pid that is somebody else's by now.

        PostgreSQL itself forgets a dead pid, but refuses when the number was given to another process.
        """
        path = self._cluster / "postmaster.pid"
        try:
            pid = int(path.read_text().split("\n", 1)[0])
            os.kill(pid, 0)
        except (FileNotFoundError, ValueError, ProcessLookupError):
            return
        except PermissionError:  # not the servers' user, hence no postmaster of ours
            pass
        if str(self._cluster) in _command_line(pid):
            os.kill(pid, signal.SIGQUIT)
        else:
            path.unlink()


def _command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    except FileNotFoundError:
        ps = ["ps", "-o", "command=", "-p", str(pid)]
        return subprocess.run(ps, capture_output=True, text=True, check=False).stdout


def _shared_memory() -> dict[str, str]:
    """Containers often give /dev/shm 64 MB, too little for parallel queries; then use files."""
    try:
        room = os.statvfs("/dev/shm")  # noqa: S108 - asked about, not written to
    except FileNotFoundError:
        return {}
    if room.f_frsize * room.f_blocks >= SMALLEST_SHARED_MEMORY:
        return {}
    return {"dynamic_shared_memory_type": "mmap"}
