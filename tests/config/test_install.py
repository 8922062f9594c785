"""`make setup`'s choice of a Python: the first that really runs, wherever it lies."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from config.env import BASE_DIR

TOOLS = ("sh", "cat", "cksum", "dirname", "sed", "tr")
# A real Python but for the seconds that a real environment takes: what it makes says yes to everything.
QUICK = f"""
case "$*" in
    "-m venv"*)
        PATH=/usr/bin:/bin
        mkdir -p .venv/bin && printf '#!/bin/sh\\n' > .venv/bin/python && chmod +x .venv/bin/python ;;
    *) exec {sys.executable} "$@" ;;
esac"""


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A folder with the script, and a lock that wants nothing."""
    (tmp_path / "config").mkdir()
    shutil.copy(BASE_DIR / "config/install.sh", tmp_path / "config")
    (tmp_path / "requirements.lock").write_text("")
    return tmp_path


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """A PATH folder with what the script calls, but neither Python nor uv."""
    folder = tmp_path / "tools"
    folder.mkdir()
    for name in TOOLS:
        (folder / name).symlink_to(str(shutil.which(name)))
    return folder


def install(
    clone: Path, *path: Path, lock: tuple[str, ...] = (), **environment: str
) -> subprocess.CompletedProcess[str]:
    given = {"PATH": os.pathsep.join(map(str, path)), "HOME": str(clone), **environment}
    return subprocess.run(
        ["/bin/sh", "config/install.sh", *lock], cwd=clone, env=given, capture_output=True, text=True, check=False
    )


def folder_with(parent: Path, name: str, script: str) -> Path:
    folder = parent / f"with-{name}-{len(script)}"
    folder.mkdir()
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)
    return folder


def test_a_shim_that_only_complains_is_passed_over(clone: Path, tools: Path) -> None:
    shim = folder_with(clone, "python3.13", "echo 'version not installed' >&2; exit 127")
    real = folder_with(clone, "python3", f'exec {sys.executable} "$@"')
    done = install(clone, shim, real, tools)
    assert done.returncode == 0, done.stderr
    assert f"with {real}/python3 " in done.stdout
    assert (clone / ".venv/bin/python").exists()


def test_an_older_python_is_passed_over(clone: Path, tools: Path) -> None:
    older = folder_with(clone, "python3", "exit 1")  # what the question "at least 3.12?" gets from an older one
    real = folder_with(clone, "python3", QUICK)
    assert f"with {real}/python3 " in install(clone, older, real, tools).stdout


def test_pyenv_is_looked_into_last(clone: Path, tools: Path) -> None:
    versions = clone / "pyenv/versions/3.13.0/bin"
    versions.parent.mkdir(parents=True)
    folder_with(clone, "python3", QUICK).rename(versions)
    done = install(clone, tools, PYENV_ROOT=str(clone / "pyenv"))
    assert f"with {versions}/python3 " in done.stdout


def test_without_any_python_one_line_says_so(clone: Path, tools: Path) -> None:
    done = install(clone, tools)
    assert done.returncode == 1
    assert done.stderr == "Heliograph needs Python 3.12 or newer (with venv), and none that runs was found.\n"


def test_the_second_time_nothing_happens_until_the_lock_changes(clone: Path, tools: Path) -> None:
    real = folder_with(clone, "python3", QUICK)
    install(clone, real, tools)
    assert install(clone, real, tools).stdout == ""
    (clone / "requirements.lock").write_text("# changed\n")
    assert "Installing" in install(clone, real, tools).stdout


def test_another_lock_may_be_named(clone: Path, tools: Path) -> None:
    real = folder_with(clone, "python3", QUICK)
    (clone / "other.lock").write_text("# another\n")
    install(clone, real, tools)
    assert "Installing" in install(clone, real, tools, lock=("other.lock",)).stdout
    assert install(clone, real, tools, lock=("other.lock",)).stdout == ""
