"""What gets installed: the locks name every dependency, pin it, and hold it to its hashes, from an index alone."""

import os
import re
import subprocess
import sys
import tomllib
from importlib.metadata import distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from config.env import BASE_DIR

ALL, PRODUCTION = "requirements.lock", "requirements-production.lock"
PROJECT = tomllib.loads((BASE_DIR / "pyproject.toml").read_text())["project"]
EXTRAS = [line for group in PROJECT["optional-dependencies"].values() for line in group]
DECLARED = {ALL: [*PROJECT["dependencies"], *EXTRAS], PRODUCTION: PROJECT["dependencies"]}
# Of a running server with nobody to talk to.
ENVIRONMENT = {
    "HELIOGRAPH_ENV": "production",
    "DATABASE_URL": "postgres://nobody@127.0.0.1:9/none",
    "PUBLIC_URL": "https://push.example.org",
    "SECRET_KEY": "a test's own, which signs nothing at all for anybody",
    "FIELD_ENCRYPTION_KEYS": "k1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
}
IMPORT_ALL = """
import importlib, pkgutil, django
django.setup()
import apps, config
for package in (apps, config):
    for found in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        if found.name.rpartition(".")[2] not in ("__main__", "asgi", "wsgi"):
            importlib.import_module(found.name)
print("all")
"""

both = pytest.mark.parametrize("lock", [ALL, PRODUCTION])


def pins(lock: str) -> dict[str, tuple[str, str]]:
    """{package: (version, the rest of its entry)}"""
    text = (BASE_DIR / lock).read_text()
    found = re.findall(r"^([A-Za-z0-9._-]+)==(\S+)((?:.*\\\n)*.*)", text, re.MULTILINE)
    return {canonicalize_name(name): (version, rest) for name, version, rest in found}


@both
def test_every_line_is_a_pin_or_a_hash(lock: str) -> None:
    text = (BASE_DIR / lock).read_text()
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    odd = [line for line in lines if not re.match(r"[A-Za-z0-9._-]+==|--hash=sha256:[0-9a-f]{64}", line)]
    assert len(pins(lock)) > 50
    assert odd == []  # no address, no path, no index


@both
def test_every_pin_has_hashes(lock: str) -> None:
    assert [name for name, (_version, rest) in pins(lock).items() if "--hash=sha256:" not in rest] == []


@both
def test_what_is_declared_is_pinned_to_a_version_that_is_allowed(lock: str) -> None:
    declared, pinned = [Requirement(line) for line in DECLARED[lock]], pins(lock)
    missing = [one.name for one in declared if canonicalize_name(one.name) not in pinned]
    assert missing == []
    versions = [(one, Version(pinned[canonicalize_name(one.name)][0])) for one in declared]
    assert [str(one) for one, version in versions if version not in one.specifier] == []


def test_production_installs_the_same_without_what_only_tests_and_laptops_need() -> None:
    everything, production = pins(ALL), pins(PRODUCTION)
    assert {name: entry for name, entry in production.items() if everything.get(name) != entry} == {}
    direct = {canonicalize_name(Requirement(line).name) for line in PROJECT["dependencies"]}
    extra = {canonicalize_name(Requirement(line).name) for line in EXTRAS} - direct
    # What a library of ours brings along itself stays: h2 comes with Google's client of FCM.
    assert extra & production.keys() <= {"h2"}


def test_everything_imports_with_what_production_installs(tmp_path: Path) -> None:
    site, production = tmp_path / "site", pins(PRODUCTION)
    site.mkdir()
    for one in distributions():
        if canonicalize_name(one.metadata["Name"]) in production:
            for top in {path.parts[0] for path in one.files or ()} - {"..", "__pycache__"}:
                if not (site / top).exists():
                    (site / top).symlink_to(str(one.locate_file(top)))
    environment = {
        **ENVIRONMENT,
        "PATH": os.environ["PATH"],
        "PYTHONPATH": f"{site}{os.pathsep}{BASE_DIR}",
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "HELIOGRAPH_DATA_DIR": str(tmp_path / "data"),
    }
    # -S: this environment's own packages are out of sight.
    command = [sys.executable, "-S", "-W", "ignore", "-c", IMPORT_ALL]
    done = subprocess.run(command, cwd=BASE_DIR, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "all\n", "")
