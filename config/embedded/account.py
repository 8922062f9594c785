"""The unprivileged user of the embedded servers. PostgreSQL refuses to run as root, and initdb wants a passwd entry."""

import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from config.embedded.errors import Unusable

NAME = "heliograph"


@dataclass(frozen=True, slots=True)
class Account:
    """Whom a server runs as. `drops` is False where the caller is no root and servers simply run as the caller."""

    uid: int
    gid: int
    drops: bool

    def popen_arguments(self) -> dict[str, Any]:
        """What subprocess needs to become this user."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []} if self.drops else {}

    def own(self, path: Path) -> None:
        """Give a file or folder (not its content) to this user."""
        if self.drops:
            os.chown(path, self.uid, self.gid)

    def can_enter(self, folder: Path) -> bool:
        """Whether this user can reach the folder: tried, not computed, so that ACLs and mounts count too."""
        return not self.drops or _succeeds(["/bin/sh", "-c", 'cd "$1"', "sh", str(folder)], self)

    def can_run(self, program: Path) -> bool:
        """Whether this user can start the program with its libraries."""
        return _succeeds([str(program), "--version"], self)


def for_servers() -> Account:
    """The caller, or for root the system user `heliograph`, created where it is missing.

    Raises: Unusable.
    """
    if os.geteuid() != 0:
        return Account(os.geteuid(), os.getegid(), drops=False)
    entry = _entry() or _created()
    return Account(entry.pw_uid, entry.pw_gid, drops=True)


def _entry() -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(NAME)
    except KeyError:
        return None


def _created() -> pwd.struct_passwd:
    if shutil.which("useradd"):
        command = ["useradd", "--system", "--user-group", "--no-create-home", "--shell", "/bin/false", NAME]
    else:  # busybox
        command = ["adduser", "-S", "-D", "-H", "-s", "/bin/false", NAME]
    try:
        why = subprocess.run(command, capture_output=True, text=True, check=False).stderr.strip()
    except OSError as error:
        why = str(error)
    entry = _entry()  # somebody else may have created it just now, so its presence counts, not the exit code
    if entry is None:
        raise Unusable(f"PostgreSQL does not run as root: create an unprivileged user named {NAME} ({why})")
    return entry


def _succeeds(command: list[str], account: Account) -> bool:
    try:
        done = subprocess.run(command, capture_output=True, check=False, cwd="/", **account.popen_arguments())
    except OSError:
        return False
    return done.returncode == 0
