"""Everything one sandbox remembers while it runs; the emulators share it."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from apps.sandbox.credentials import AppCredentials, SandboxCredentials
from apps.sandbox.fates import SLOW_SECONDS, Behaviour, Fates
from apps.sandbox.inbox import Inbox
from apps.sandbox.scripts import Script, ScriptBook


@dataclass(slots=True)
class Limits:
    """What can be tightened while the sandbox runs (POST /_limits). 0 = no limit.

    apns_token_updates: more than one new provider token for a key in 20 minutes is refused, as by Apple.
    """

    fcm_per_minute: int = 0
    bearer_seconds: int = 3599
    apns_token_updates: bool = False


@dataclass(frozen=True, slots=True)
class Instruction:
    """What to do with one call: the behaviour, and the script behind it, if it was not the token's own fate."""

    behaviour: Behaviour
    delay_seconds: float = 0.0
    script: Script | None = None

    @property
    def retry_after(self) -> str:
        """The scripted Retry-After, word for word."""
        return self.script.retry_after if self.script else ""


_OK = Instruction(Behaviour.OK)


class Directory:
    """Finds the app behind what a client shows: project, key id, topic, account, public key."""

    def __init__(self, credentials: SandboxCredentials) -> None:
        self._credentials = credentials
        self._found: dict[tuple[str, str], AppCredentials] = {}

    def find(self, kind: str, value: str) -> AppCredentials | None:
        """kind: one of the keys below. Apps that another process made known are found too."""
        key = (kind, value)
        if key not in self._found:
            for app in self._credentials.known_apps():
                for name, own in _identities(app).items():
                    self._found[name, own] = app
        return self._found.get(key)


def _identities(app: AppCredentials) -> dict[str, str]:
    return {
        "slug": app.slug,
        "project": app.project_id,
        "email": app.fcm.service_account["client_email"],
        "key_id": app.apns.key_id,
        "topic": app.apns.topic,
        "vapid": app.vapid.public_key,
        "account": app.sms.account_sid,
    }


@dataclass(slots=True)
class World:
    """clock: unix seconds; monotonic: seconds for spans."""

    credentials: SandboxCredentials
    directory: Directory
    inbox: Inbox = field(default_factory=Inbox)
    scripts: ScriptBook = field(default_factory=ScriptBook)
    fates: Fates = field(default_factory=Fates)
    limits: Limits = field(default_factory=Limits)
    clock: Callable[[], float] = time.time
    monotonic: Callable[[], float] = time.monotonic

    def instruction(self, gateway: str, token: str) -> Instruction:
        """A script goes before the token's fate."""
        script = self.scripts.take(gateway, token, self.monotonic())
        if script is not None:
            return Instruction(script.behaviour, script.delay_seconds, script)
        fate = self.fates.of(token)
        if fate is Behaviour.OK:
            return _OK
        return Instruction(fate, SLOW_SECONDS if fate is Behaviour.SLOW else 0.0)


def new_world(credentials: SandboxCredentials) -> World:
    """A world with nothing in it yet."""
    return World(credentials, Directory(credentials))
