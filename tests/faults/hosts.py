"""Several hosts on one machine: network namespaces on a bridge, each with an address and a loopback of its own.

Needs root and `ip`. What is made carries the process id in its name, so that two runs do not meet.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from subprocess import DEVNULL, Popen
from typing import Any

from config.embedded import account as accounts
from config.embedded import home as homes
from config.embedded.postgres import Postgres
from config.env import BASE_DIR
from tests.house import wait_for

CLONE_NEWNET = 0x40000000


class Host:
    """A namespace with one address. Programs started here are ended with it."""

    def __init__(self, network: "Network", name: str, number: int) -> None:
        self.address = f"{network.prefix}.{number}"
        self.name = f"{network.name}-{name}"
        self._link = f"{network.name}{number}"  # the switch's end of the cable; at most 15 characters
        self._network = network
        self._running: list[Popen[bytes]] = []
        inner = f"{self._link}i"
        _ip("netns", "add", self.name)
        _ip("link", "add", self._link, "type", "veth", "peer", "name", inner, "netns", self.name)
        _ip("link", "set", self._link, "master", network.name, "up")
        self.ip("link", "set", "lo", "up")
        self.ip("address", "add", f"{self.address}/24", "dev", inner)
        self.ip("link", "set", inner, "up")

    def ip(self, *arguments: str) -> None:
        _ip("-n", self.name, *arguments)

    def start(self, command: Sequence[str], log: Path, account: accounts.Account | None = None, **env: str) -> None:
        """A program that runs until the host falls. account: whom it becomes, once it is in here."""
        with log.open("ab") as out:
            started = Popen(
                command,
                cwd="/" if account else BASE_DIR,
                env={**_bare_environment(), **env},
                stdin=DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
                preexec_fn=lambda: self._enter(account),
            )
        self._running.append(started)

    def run(self, command: Sequence[str], **env: str) -> str:
        """To its end; what it printed. Fails where it fails."""
        whole = {**_bare_environment(), **env}
        done = subprocess.run(
            command, cwd=BASE_DIR, env=whole, capture_output=True, text=True, preexec_fn=lambda: self._enter(None)
        )
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
        return done.stdout

    def cut(self) -> None:
        """Pull the cable: what is under way is lost, nobody is told."""
        _ip("link", "set", self._link, "down")

    def heal(self) -> None:
        _ip("link", "set", self._link, "up")

    def lose(self, other: "Host") -> None:
        """No packet finds its way to one other host any more; all else goes on."""
        self.ip("route", "add", "blackhole", f"{other.address}/32")

    def find(self, other: "Host") -> None:
        self.ip("route", "del", "blackhole", f"{other.address}/32")

    def fall(self) -> None:
        """End every program, and the host."""
        for process in reversed(self._running):
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(10)
        for pid in subprocess.run(["ip", "netns", "pids", self.name], capture_output=True, text=True).stdout.split():
            with suppress(ProcessLookupError):  # what had left its group, as Erlang's port mapper does
                os.kill(int(pid), signal.SIGKILL)
        subprocess.run(["ip", "link", "del", self._link], capture_output=True, check=False)
        subprocess.run(["ip", "netns", "del", self.name], capture_output=True, check=False)

    def _enter(self, account: accounts.Account | None) -> None:
        descriptor = os.open(f"/run/netns/{self.name}", os.O_RDONLY)
        os.setns(descriptor, CLONE_NEWNET)
        os.close(descriptor)
        if account and account.drops:
            os.setgroups([])
            os.setgid(account.gid)
            os.setuid(account.uid)


class Network:
    """A switch that this machine is on too, at address .254; loopback programs of ours are relayed to the hosts."""

    def __init__(self) -> None:
        self.name = f"hg{os.getpid() % 100_000}"
        self.prefix = f"10.{77 + os.getpid() % 100}.{os.getpid() // 100 % 250}"
        self.address = f"{self.prefix}.254"
        self._hosts = ExitStack()

    def __enter__(self) -> "Network":
        _ip("link", "add", self.name, "type", "bridge")
        self._hosts.callback(lambda: _ip("link", "del", self.name))
        try:
            _ip("address", "add", f"{self.address}/24", "dev", self.name)
            _ip("link", "set", self.name, "up")
        except BaseException:
            self._hosts.close()
            raise
        return self

    def __exit__(self, *raised: object) -> None:
        self._hosts.close()

    def host(self, name: str, number: int) -> Host:
        host = Host(self, name, number)
        self._hosts.callback(host.fall)
        return host

    def relay_here(self, port: int, log: Path) -> None:
        """What listens on our loopback becomes reachable at our address of the network."""
        command = relay(self.address, port, "127.0.0.1", port)
        started = Popen(command, cwd=BASE_DIR, stdin=DEVNULL, stdout=DEVNULL, stderr=log.open("ab"))
        self._hosts.callback(lambda: (started.kill(), started.wait(10)))


def relay(host: str, port: int, target_host: str, target_port: int) -> list[str]:
    """The command of a program that passes connections on."""
    return [sys.executable, "-m", "tests.faults.relay", host, str(port), target_host, str(target_port)]


@contextmanager
def postgres_on(host: Host, folder: Path) -> Iterator[str]:
    """The embedded PostgreSQL, listening on the host's address alone; yields its URL."""
    account = accounts.for_servers()
    home = homes.prepare(folder, account, lambda line: None)
    server = Postgres(home, homes.postgres_folder(home, account), durable=False)
    server.initialise(account)
    with (home.root / "postgres" / "pg_hba.conf").open("a") as rules:
        rules.write(f"host all all {host.address}/24 scram-sha-256\n")
    program = server.program(account, folder / "postgres.log")
    listening = f"--listen_addresses={host.address}"
    host.start([*program.command, listening], folder / "postgres.log", account)
    wait_for(lambda: _answers(server), 60)
    yield f"postgres://{homes.USER}:{home.postgres_password}@{host.address}:5432/{homes.DATABASE}"
    if home.moved:
        subprocess.run(["rm", "-rf", str(home.root)], check=False)


def valkey_on(host: Host, folder: Path) -> str:
    """Valkey on the host's address; its URL without a database."""
    home = homes.known(folder)
    account = accounts.for_servers()
    program = homes.valkey_program(home, account)
    options = ["--bind", host.address, "--port", "6379", "--requirepass", "hosts", "--save", "", "--dir", "/tmp"]
    host.start([str(program), *options], folder / "valkey.log", account)
    return f"redis://:hosts@{host.address}:6379"


def rabbitmq_on(host: Host, folder: Path, program: Path) -> str:
    """RabbitMQ on the host's address; its URL. A loopback of one's own needs no other ports than the usual."""
    (folder / "plugins").write_text("[].")
    (folder / "rabbitmq.conf").write_text("loopback_users = none\n")
    host.start(
        [str(program)],
        folder / "rabbitmq.log",
        HOME=str(folder),
        RABBITMQ_NODENAME="hosts@localhost",
        RABBITMQ_NODE_IP_ADDRESS=host.address,
        RABBITMQ_CONFIG_FILE=str(folder / "rabbitmq"),
        RABBITMQ_MNESIA_BASE=str(folder / "mnesia"),
        RABBITMQ_LOG_BASE=str(folder / "log"),
        RABBITMQ_ENABLED_PLUGINS_FILE=str(folder / "plugins"),
        ERL_EPMD_ADDRESS="127.0.0.1",
    )
    return f"amqp://guest:guest@{host.address}:5672//"


def ask(host: Host, step: str, *arguments: str, **env: str) -> Any:
    """A step of tests.faults.hosts_steps on that host; what it told."""
    return json.loads(host.run([sys.executable, "-m", "tests.faults.hosts_steps", step, *arguments], **env) or "null")


def _answers(server: Postgres) -> bool:
    with suppress(Exception):
        server.probe()
        return True
    return False


def _bare_environment() -> dict[str, str]:
    """Nothing of the test run's own house."""
    return {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}


def _ip(*arguments: str) -> None:
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True)
    assert done.returncode == 0, f"ip {' '.join(arguments)}: {done.stderr}"
