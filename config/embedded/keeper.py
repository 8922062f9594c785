"""The process that holds the embedded servers: `python -m config.embedded DATA_DIR --postgres --valkey`.

Three locks in the data directory govern it. `keeper`: held exclusively as long as it lives. `users`: shared by
everybody who needs the servers; when nobody holds it, the keeper stops them and leaves. `start`: held while somebody
joins, so that nobody joins servers that are about to stop.

It says on stdout what it does, one line each, ending with "ready"; whoever started it reads that. Which server died
since it says on stderr, which is its log: all who use the servers can read that (`Hold.news`).
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
from config.embedded.server import GENTLE_STOP_SECONDS, READY, Server, wait_until_ready
from config.embedded.valkey import Valkey
from config.processes import Child

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
    children: list[Child] = []
    try:
        _start(arguments, homes.known(data_dir), accounts.for_servers(), children)
        _say(READY)
        _mute()
        _hold(children, data_dir, stopping)
    except Unusable as error:
        _say(str(error))
        return 1
    finally:
        _stop(children)
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="keeper")
    parser.add_argument("data_dir", type=Path)
    parser.add_argument("--postgres", action="store_true")
    parser.add_argument("--valkey", action="store_true")
    parser.add_argument("--not-durable", action="store_true")
    return parser.parse_args()


def _start(arguments: argparse.Namespace, home: Home, account: Account, children: list[Child]) -> None:
    """Start all, then wait for all. `children` fills as they start, so that a failure leaves none running."""
    servers = _servers(arguments, home, account)
    for server in servers:
        server.initialise(account)
        log = home.data_dir / "logs" / f"{server.name.lower()}.log"
        children.append(Child(server.program(account, log)))
        children[-1].start()
    for server, child in zip(servers, children, strict=True):
        _say(f"waiting for {server.name}")
        wait_until_ready(server, child)


def _servers(arguments: argparse.Namespace, home: Home, account: Account) -> list[Server]:
    servers: list[Server] = []
    if arguments.valkey:
        servers.append(Valkey(home, homes.valkey_program(home, account)))
    if arguments.postgres:
        servers.append(Postgres(home, homes.postgres_folder(home, account), durable=not arguments.not_durable))
    return servers


def _hold(children: list[Child], data_dir: Path, stopping: list[int]) -> None:
    """Restart what dies until a SIGTERM comes or the last user leaves."""
    start_lock, users_lock = Lock(data_dir, "start"), Lock(data_dir, "users")
    while not stopping:
        for child in children:
            if said := child.tend():
                print(f"{said} (see {child.program.log})", file=sys.stderr, flush=True)
        if start_lock.try_exclusive():
            if users_lock.try_exclusive():
                return  # both locks stay taken until this process ends: nobody joins servers that stop
            start_lock.release()
        time.sleep(TICK_SECONDS)


def _stop(children: list[Child]) -> None:
    for child in children:
        child.ask_to_stop()
    deadline = time.monotonic() + GENTLE_STOP_SECONDS
    for child in children:
        child.wait_until_stopped(deadline)


def _say(line: str) -> None:
    print(line, flush=True)


def _mute() -> None:
    """Whoever reads stdout may go away while this process stays."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
