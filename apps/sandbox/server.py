"""The sandbox as one asyncio process with three ports: plain HTTP, APNs, and the first one again over TLS."""

import asyncio
import gc
import logging
import signal
import socket
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from apps.sandbox.control import Control, is_own_caller
from apps.sandbox.credentials import HOST, load_or_create
from apps.sandbox.emulators import apns
from apps.sandbox.emulators.apns import ApnsEmulator
from apps.sandbox.emulators.fcm import FcmEmulator
from apps.sandbox.emulators.oauth import PATHS as OAUTH_PATHS
from apps.sandbox.emulators.oauth import OauthEmulator
from apps.sandbox.emulators.sms import SmsEmulator
from apps.sandbox.emulators.sms_callbacks import CallbackSender
from apps.sandbox.emulators.webpush import WebPushEmulator
from apps.sandbox.phones import Phones
from apps.sandbox.receipts import Receipts
from apps.sandbox.wire.client import LoopbackClient
from apps.sandbox.wire.door import Door, server_tls
from apps.sandbox.wire.exchange import Answer, Request, Respond, json_answer
from apps.sandbox.world import World, new_world

log = logging.getLogger(__name__)


class PortInUse(Exception):
    """Somebody else listens on one of the three ports; the text names it."""


@dataclass(frozen=True, slots=True)
class SandboxOptions:
    """How to start.

    data_dir: where credentials and the demo's logins are kept. public_url: the product, unless the logins say it.
    sends_receipts: phones report `received` and `displayed` by themselves.
    """

    data_dir: Path
    port: int = 9400
    public_url: str = "http://127.0.0.1:8000"
    sends_receipts: bool = False


class Sandbox:
    """All emulators behind one `respond` for each kind of port."""

    def __init__(self, world: World, options: SandboxOptions) -> None:
        self.client = LoopbackClient()
        self.receipts = Receipts(world, self.client, options.data_dir, options.public_url)
        oauth = OauthEmulator(world)
        self._control = Control(world, oauth)
        self._phones = Phones(world, self.receipts, options.public_url)
        self._apns = ApnsEmulator(world)
        self._routes: list[tuple[str, Respond]] = [
            ("/v1/projects/", FcmEmulator(world, oauth).respond),
            ("/wp/", WebPushEmulator(world).respond),
            ("/2010-04-01/", SmsEmulator(world, CallbackSender(self.client)).respond),
            *((path, oauth.respond) for path in OAUTH_PATHS),
            ("/_", self._steer),
        ]

    def respond(self, request: Request) -> Answer:
        """Everything but APNs."""
        if request.target == "/":
            return Answer(302, [("location", "/_phones")])
        for prefix, respond in self._routes:
            if request.target.startswith(prefix):
                return _guarded(respond, request)
        return json_answer({"error": f"nothing is emulated at {request.path}"}, 404)

    def respond_as_apns(self, request: Request) -> Answer:
        """The APNs port."""
        return _guarded(self._apns.respond, request)

    def _steer(self, request: Request) -> Answer:
        if not is_own_caller(request):
            return json_answer({"error": "the sandbox is steered from this machine, not from other sites"}, 403)
        if request.path == "/_phones" or request.path.startswith("/_phones/"):
            return self._phones.respond(request)
        return self._control.respond(request)


def _guarded(respond: Respond, request: Request) -> Answer:
    """A fault of ours is a 500 with its trace in the log, not a dead connection."""
    try:
        return respond(request)
    except RecursionError:
        return json_answer({"error": "nested too deeply"}, 400)
    except Exception:
        log.error("sandbox: fault at %s %s\n%s", request.method, request.path, traceback.format_exc())
        return json_answer({"error": "a fault of the sandbox itself; see its log"}, 500)


async def run(options: SandboxOptions, ready: Callable[[World], None]) -> None:
    """Serve until SIGTERM or SIGINT. ready: called once all ports listen. Raises: PortInUse."""
    sockets = [_bound(options.port + offset) for offset in range(3)]
    credentials = load_or_create(options.data_dir, options.port)
    world = new_world(credentials)
    sandbox = Sandbox(world, options)
    gc.set_threshold(50_000, 20, 50)  # the inbox is large and never cyclic: look at it seldom
    servers = await _listen(sandbox, sockets, credentials.folder)
    if options.sends_receipts:
        world.inbox.watch = sandbox.receipts.note
    sending = asyncio.ensure_future(sandbox.receipts.send_noted())
    ready(world)
    await _told_to_stop()
    sending.cancel()
    for server in servers:
        server.close()
        if sys.version_info >= (3, 13):  # before, the end of the process closes them
            server.close_clients()
    sandbox.client.close()


async def _listen(sandbox: Sandbox, sockets: list[socket.socket], folder: Path) -> list[asyncio.Server]:
    """Open the plain, the APNs and the TLS port."""
    plain = partial(Door, sandbox.respond)
    apple = partial(Door, sandbox.respond_as_apns, True, apns.FIRST_STREAM_LIMIT)
    any_tls, h2_tls = (server_tls(folder, protocols) for protocols in (["h2", "http/1.1"], ["h2"]))
    listen = partial(asyncio.get_running_loop().create_server, backlog=1024)
    return [
        await listen(plain, sock=sockets[0]),
        await listen(apple, sock=sockets[1], ssl=h2_tls),
        await listen(plain, sock=sockets[2], ssl=any_tls),
    ]


async def _told_to_stop() -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await stop.wait()


def _bound(port: int) -> socket.socket:
    """A loopback socket on the port. Raises: PortInUse."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((HOST, port))
    except OSError as reason:
        sock.close()
        raise PortInUse(f"port {port} cannot be used: {reason.strerror}") from None
    return sock
