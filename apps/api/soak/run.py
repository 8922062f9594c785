"""One soak inside its house: begin, keep everything going, heal, wait until all is done, judge."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from random import Random
from threading import Event
from typing import Any

from django.conf import settings
from django.db import InterfaceError, OperationalError, close_old_connections
from django.utils import timezone

from apps.api.soak.check_texts import is_texting
from apps.api.soak.checker import Checker, Verdict
from apps.api.soak.client import PATIENCE_SECONDS, Client
from apps.api.soak.faults import Faults
from apps.api.soak.house import House
from apps.api.soak.integrator import Integrator
from apps.api.soak.journal import Journal, end_ban
from apps.api.soak.listener import Listener
from apps.api.soak.shoppers import Pauser, Shoppers, make_automations
from apps.api.soak.traffic import LIFE_SECONDS, Actor, Developer, Marketer, People, Supervisor, stubborn
from apps.api.soak.world import World, make_world
from apps.api.webhooks.models import WebhookEndpoint, WebhookMessage
from apps.campaigns.models import Automation, AutomationRun, Campaign
from apps.customers.models import EventArrival
from apps.deliveries.feed import newest_page
from apps.deliveries.models import Dispatch
from apps.deliveries.services.checks import Difference, check_ledger
from apps.sandbox.credentials import load_or_create

TELL_SECONDS = 10.0
CHECK_SECONDS = 30.0
TICK_SECONDS = 0.2
# What waits is sent, expired or given up by then.
SETTLE_SECONDS = LIFE_SECONDS + 240
_DEVELOPERS = 3

Say = Callable[[str], object]


@dataclass(frozen=True, slots=True)
class Order:
    """What was asked for, and where the house is."""

    minutes: float
    seed: int
    people: int
    up_pid: int
    port: int
    sandbox_port: int


def soak(order: Order, say: Say) -> dict[str, Any]:
    """Run it. The answer's `result` is "kept", or the first broken promise; `broken` has all that were told."""
    journal = Journal(settings.DATA_DIR / "soak.log")
    house = House(up_pid=order.up_pid, data_dir=settings.DATA_DIR, sandbox_port=order.sandbox_port)
    say(f"making {order.people:,} people")
    sandbox = load_or_create(settings.DATA_DIR, order.sandbox_port)
    world = make_world(people=order.people, sandbox=sandbox, chance=_chance(order, "world"), now=timezone.now())
    make_automations(app_id=world.app_id, now=timezone.now())
    listener = Listener(journal, _chance(order, "listener"))
    faults = Faults(
        house,
        journal,
        _chance(order, "faults"),
        may_last=order.minutes * 30,
        begins_at=time.time() + min(5.0, order.minutes * 6),
    )
    show = _Progress(house, journal, say)
    with listener.listening():
        with _traffic(order, world, journal, listener) as stop:
            _go_on(order.minutes * 60, faults, journal, show)
            say("healing")
            faults.heal()
            stop()
        _settle(order, world, journal, show)
    say("judging")
    verdict = Checker(house, world, journal, listener.endpoints, crashes=faults.crashes).verdict()
    return _told(order, journal, verdict)


def _chance(order: Order, name: str) -> Random:
    """Its own stream for each, so that one's haste does not change the other's draws."""
    return Random(f"{order.seed}:{name}")  # noqa: S311


@contextmanager
def _traffic(order: Order, world: World, journal: Journal, listener: Listener) -> Iterator[Callable[[], None]]:
    """Everybody at work. Yields what ends their work: each finishes what it was at."""
    stopping, over = Event(), Event()

    def hired(name: str) -> tuple[World, Client, Journal, Random, Event]:
        chance = _chance(order, name)
        return world, Client(order.port, world.key, journal, chance, over), journal, chance, stopping

    marketer = Marketer(*hired("marketer"))
    actors: list[Actor] = [Developer(*hired(f"developer {number}")) for number in range(_DEVELOPERS)]
    actors += [People(*hired("people")), marketer, Supervisor(*hired("supervisor"), marketer=marketer)]
    integrator = Integrator(*hired("integrator"), listener=listener)
    actors += [Shoppers(*hired("shoppers")), Pauser(*hired("pauser")), integrator]

    def stop() -> None:
        stopping.set()
        for actor in actors:
            if not actor.join(PATIENCE_SECONDS + 30):
                journal.accuse(f"{type(actor).__name__} did not come to an end")
        integrator.switch_on()

    for actor in actors:
        actor.start()
    try:
        yield stop
    finally:
        stopping.set()
        over.set()


def _go_on(seconds: float, faults: Faults, journal: Journal, show: "_Progress") -> None:
    ends_at = time.time() + seconds
    check_at = time.time() + CHECK_SECONDS
    while time.time() < ends_at:
        faults.tick(time.time())
        if time.time() > check_at:
            for difference in _if_there_is_a_database(lambda: check_ledger(), list[Difference]()):
                journal.accuse(f"while it ran: {difference}")
            check_at = time.time() + CHECK_SECONDS
        show.now_and_then()
        time.sleep(TICK_SECONDS)


def _settle(order: Order, world: World, journal: Journal, show: "_Progress") -> None:
    """Wait until everything has ended and been told; who stands paused is told to go on."""
    client = Client(order.port, world.key, journal, _chance(order, "settling"), Event())
    deadline = time.time() + SETTLE_SECONDS
    while time.time() < deadline and stubborn(_is_busy):
        for campaign_id in Campaign.objects.filter(dispatch__state="paused").values_list("id", flat=True):
            client.ask("POST", f"/v2.1/campaigns/{campaign_id}/resume")
        for automation_id in Automation.objects.filter(state="paused").values_list("id", flat=True):
            end_ban(journal.paused[automation_id], time.time())
            client.ask("POST", f"/v2.1/automations/{automation_id}/resume")
        show.now_and_then()
        time.sleep(1)
    time.sleep(3)  # the last counts are folded
    client.close()


def _if_there_is_a_database[Result](do: Callable[[], Result], otherwise: Result) -> Result:
    """Where faults are taken back nobody may wait for one."""
    try:
        return do()
    except (OperationalError, InterfaceError):
        close_old_connections()
        return otherwise


def _is_busy() -> bool:
    inside = AutomationRun.objects.filter(state="inside")
    if _unfinished() or _to_launch() or EventArrival.objects.exists() or inside.exists():
        return True
    return is_texting(timezone.now()) or _is_untold()


def _is_untold() -> bool:
    """Whether a webhook that is on has something to come."""
    reading = WebhookEndpoint.objects.exclude(state="disabled")
    newest = newest_page()
    is_behind = any(place < newest for place in reading.values_list("feed_xid", "feed_page"))
    return is_behind or WebhookMessage.objects.filter(endpoint__in=reading, state="waiting").exists()


def _unfinished() -> int:
    return Dispatch.objects.filter(finished_at=None).count()


def _to_launch() -> int:
    return Campaign.objects.filter(state="scheduled").count()


class _Progress:
    """A line every TELL_SECONDS."""

    def __init__(self, house: House, journal: Journal, say: Say) -> None:
        self._house, self._journal, self._say = house, journal, say
        self._began_at = time.time()
        self._next_at = 0.0

    def now_and_then(self) -> None:
        if time.time() < self._next_at:
            return
        self._next_at = time.time() + TELL_SECONDS
        counts = self._journal.counts
        self._say(
            f"{time.time() - self._began_at:6.0f} s  {_faults(self._journal):4} faults"
            f"  {counts['campaigns']:4} campaigns  {counts['pushes']:5} pushes  {self._house.arrived():7,} arrived"
            f"  {_if_there_is_a_database(_unfinished, -1):3} under way  {len(self._journal.wrong)} wrong"
        )


def _faults(journal: Journal) -> int:
    return sum(count for kind, count in journal.faults.items() if kind != "gateway")


def _told(order: Order, journal: Journal, verdict: Verdict) -> dict[str, Any]:
    told = asdict(verdict)
    broken = list(told.pop("broken"))
    return {
        "name": "soak",
        "seed": order.seed,
        "minutes": order.minutes,
        "people": order.people,
        "faults": dict(sorted((kind, count) for kind, count in journal.faults.items() if kind != "gateway")),
        **dict(journal.counts),
        **told,
        "broken": broken,
        "result": broken[0] if broken else "kept",
    }
