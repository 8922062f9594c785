"""The soak: what its journal holds against the house, and a short one from beginning to end."""

import json
import os
import subprocess
import sys
from math import inf
from pathlib import Path

import pytest

from apps.api.soak.journal import Ban, Owner, ban_at, begin_ban, end_ban, owned_at
from config.env import BASE_DIR


def test_a_ban_holds_from_the_answer_on_but_for_the_grace() -> None:
    bans: list[Ban] = []
    begin_ban(bans, 100.0, "opted out")
    assert ban_at(bans, 102.4, 2.5) is None
    assert ban_at(bans, 102.6, 2.5) == Ban(100.0, inf, "opted out")


def test_a_ban_ends_where_its_end_was_asked_for() -> None:
    bans: list[Ban] = []
    begin_ban(bans, 100.0, "opted out")
    end_ban(bans, 110.0)
    begin_ban(bans, 120.0, "opted out")
    assert ban_at(bans, 109.9, 2.5) is not None
    assert ban_at(bans, 110.1, 2.5) is None
    assert ban_at(bans, 122.6, 2.5) is not None


def test_one_yes_ends_every_no_before_it() -> None:
    bans: list[Ban] = []
    begin_ban(bans, 100.0, "opted out")
    begin_ban(bans, 109.0, "opted out again")
    end_ban(bans, 110.0)
    assert ban_at(bans, 110.5, 2.5) is None


def test_a_device_passed_on_is_the_first_owners_until_the_answer_and_the_grace() -> None:
    owners = [Owner(1, 0.0, 100.0), Owner(2, 99.0, inf)]
    assert owned_at(owners, 1, 102.4, 2.5)
    assert not owned_at(owners, 1, 102.6, 2.5)
    assert owned_at(owners, 2, 99.5, 2.5)


@pytest.mark.long
def test_a_short_soak_keeps_every_promise_and_stops_what_it_started(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    environment = {**os.environ, "HELIOGRAPH_DATA_DIR": str(tmp_path / "data")}
    command = [sys.executable, "manage.py", "soak", "--minutes", "0.5", "--seed", "11", "--people", "600", "--json"]
    done = subprocess.run(command, cwd=BASE_DIR, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-4000:]
    told = json.loads(done.stdout.splitlines()[-1])
    assert (told["seed"], told["result"]) == (11, "kept")
    assert sum(told["faults"].values()) > 0
    assert told["pushes"] > 0
    assert told["inbox"] > 0
    assert not _running_in(tmp_path)
    assert {one.name for one in (tmp_path / "data").iterdir()} <= {"locks", "secrets.json"}


def _running_in(folder: Path) -> list[str]:
    told = subprocess.run(["ps", "-axww", "-o", "args="], capture_output=True, text=True, check=True).stdout
    return [line for line in told.splitlines() if str(folder) in line]
