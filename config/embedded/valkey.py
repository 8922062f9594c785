"""The embedded Valkey (or Redis): broker in database 0, cache in database 1, on a Unix socket with a password."""

import os
import socket
from pathlib import Path

from config.embedded.account import Account
from config.embedded.home import Home
from config.embedded.server import NotYet
from config.processes import Program

# Wake-ups and cache entries may be lost, so a second's worth is an honest price for no fsync in the way.
CONFIGURATION = """\
port 0
unixsocket {socket}
unixsocketperm 700
requirepass {password}
dir {folder}
appendonly yes
appendfsync everysec
save ""
databases 64
daemonize no
"""


class Valkey:
    """See Server."""

    name = "Valkey"

    def __init__(self, home: Home, program: Path) -> None:
        self._home = home
        self._program = program
        self._folder = home.root / "valkey"
        self._socket = home.run / "valkey.sock"

    def initialise(self, account: Account) -> None:
        """The password stands in a file because a command line is public."""
        path = self._folder / "valkey.conf"
        path.unlink(missing_ok=True)
        path.touch(mode=0o600)
        path.write_text(
            CONFIGURATION.format(
                socket=_quoted(self._socket), password=self._home.valkey_password, folder=_quoted(self._folder)
            )
        )
        account.own(path)

    def program(self, account: Account, log: Path) -> Program:
        command = [str(self._program), str(self._folder / "valkey.conf")]
        return Program(self.name, command, log, popen=account.popen_arguments())

    def probe(self) -> None:
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(5)
                connection.connect(os.fsencode(self._socket))
                connection.sendall(f"AUTH {self._home.valkey_password}\r\nPING\r\n".encode())
                answer = b""
                while answer.count(b"\r\n") < 2:
                    answer += connection.recv(4096) or _closed()
        except OSError as error:
            raise NotYet(str(error)) from error
        if not answer.startswith(b"+OK\r\n+PONG"):
            raise NotYet(answer.decode(errors="replace").strip())


def _closed() -> bytes:
    raise ConnectionResetError("Valkey closed the connection")


def _quoted(path: Path) -> str:
    escaped = str(path).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
