"""The process that holds the embedded servers: `python -m config.embedded DATA_DIR --postgres --valkey`.

Three locks in the data directory govern it. `keeper`: held exclusively as long as it lives. `users`: shared by
everybody who needs the servers; when nobody holds it, the keeper stops them and leaves. `start`: held while somebody
joins, so that nobody joins servers that are about to stop.

It says on stdout what it does, one line each, ending with "ready"; whoever started it reads that.
"""

import argparse
import os
import signal
import sys
import time
from pathlib import Path

from config.embedded import account as accounts
from config.embedded import home as homes
from config.embedded.account import Account
from config.embedded.errors import Unusable
from config.embedded.home import Home
from config.embedded.locks import Lock
from config.embedded.postgres import Postgres
from config.embedded.server import GENTLE_STOP_SECONDS, READY, Held, Server
from config.embedded.valkey import Valkey

TICK_SECONDS = 0.2


def main() -> int:
    arguments = _arguments()
    data_dir: Path = arguments.data_dir
    own_lock = Lock(data_dir, "keeper")
    if not own_lock.try_exclusive():
        _say("another keeper is at work")
        return 1
    stopping: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, frame: stopping.append(number))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for those who use the servers
    held: list[Held] = []
    try:
        held = _started(arguments, homes.known(data_dir), accounts.for_servers())
        _say(READY)
        _mute()
        _hold(held, data_dir, stopping)
    except Unusable as error:
        _say(str(error))
        return 1
    finally:
        _stop(held)
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="keeper")
    parser.add_argument("data_dir", type=Path)
    parser.add_argument("--postgres", action="store_true")
    parser.add_argument("--valkey", action="store_true")
    parser.add_argument("--not-durable", action="store_true")
    return parser.parse_args()


def _started(arguments: argparse.Namespace, home: Home, account: Account) -> list[Held]:
    logs = home.data_dir / "logs"
    logs.mkdir(exist_ok=True)
    held: list[Held] = []
    for server in _servers(arguments, home, account):
        server.initialise(account)
        held.append(Held(server, account, logs / f"{server.name.lower()}.log"))
        held[-1].start()
    for one in held:
        _say(f"waiting for {one.server.name}")
        one.wait_until_ready()
    return held


def _servers(arguments: argparse.Namespace, home: Home, account: Account) -> list[Server]:
    servers: list[Server] = []
    if arguments.valkey:
        servers.append(Valkey(home, homes.valkey_program(home, account)))
    if arguments.postgres:
        servers.append(Postgres(home, homes.postgres_folder(home, account), durable=not arguments.not_durable))
    return servers


def _hold(held: list[Held], data_dir: Path, stopping: list[int]) -> None:
    """Restart what dies until a SIGTERM comes or the last user leaves."""
    start_lock, users_lock = Lock(data_dir, "start"), Lock(data_dir, "users")
    while not stopping:
        for one in held:
            one.tend()
        if start_lock.try_exclusive():
            if users_lock.try_exclusive():
                return  # both locks stay taken until this process ends: nobody joins servers that stop
            start_lock.release()
        time.sleep(TICK_SECONDS)


def _stop(held: list[Held]) -> None:
    for one in held:
        one.ask_to_stop()
    deadline = time.monotonic() + GENTLE_STOP_SECONDS
    for one in held:
        one.wait_until_stopped(deadline)


def _say(line: str) -> None:
    print(line, flush=True)


def _mute() -> None:
    """Whoever reads stdout may go away while this process stays."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
