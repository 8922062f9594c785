"""What gets installed: the lock names every dependency, pins it, and holds it to its hashes, from an index alone."""

import re
import tomllib

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from config.env import BASE_DIR

LOCK = (BASE_DIR / "requirements.lock").read_text()
PINNED = {
    canonicalize_name(name): (version, rest)
    for name, version, rest in re.findall(r"^([A-Za-z0-9._-]+)==(\S+)((?:.*\\\n)*.*)", LOCK, re.MULTILINE)
}


def test_every_line_is_a_pin_or_a_hash() -> None:
    lines = [line.strip() for line in LOCK.splitlines() if line.strip() and not line.startswith("#")]
    odd = [line for line in lines if not re.match(r"[A-Za-z0-9._-]+==|--hash=sha256:[0-9a-f]{64}", line)]
    assert len(PINNED) > 50
    assert odd == []  # no address, no path, no index


def test_every_pin_has_hashes() -> None:
    assert [name for name, (_version, rest) in PINNED.items() if "--hash=sha256:" not in rest] == []


def test_what_is_declared_is_pinned_to_a_version_that_is_allowed() -> None:
    project = tomllib.loads((BASE_DIR / "pyproject.toml").read_text())["project"]
    groups = [project["dependencies"], *project["optional-dependencies"].values()]
    declared = [Requirement(line) for group in groups for line in group]
    missing = [one.name for one in declared if canonicalize_name(one.name) not in PINNED]
    assert missing == []
    pinned = [(one, Version(PINNED[canonicalize_name(one.name)][0])) for one in declared]
    assert [str(one) for one, version in pinned if version not in one.specifier] == []
