"""The pulse file: how long ago a process last did something, and whether it is at work."""

import time
from pathlib import Path

import pytest

from config import pulse


def test_a_task_at_work_is_counted_until_it_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "pulse"
    monkeypatch.setenv(pulse.VARIABLE, str(path))
    recorder = pulse.Recorder()
    recorder.begin()
    recorder.begin()
    recorder.end()
    assert pulse.read(path, time.time()).tasks == 1
    recorder.end()
    assert pulse.read(path, time.time()).tasks == 0


def test_the_age_grows_while_nothing_happens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "pulse"
    monkeypatch.setenv(pulse.VARIABLE, str(path))
    pulse.Recorder().touch()
    assert 59 < pulse.read(path, time.time() + 60).age_seconds < 300
