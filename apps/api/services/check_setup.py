"""Is everything that Heliograph stands on there? One finding each; nothing is changed and nobody gets a message.

A gateway is asked with an address that no vendor takes: refused for the address means that the credentials are good.
"""

import asyncio
import http.client
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from urllib.parse import urlsplit

from django.conf import settings
from django.core.cache import cache
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from kombu.exceptions import KombuError
from redis import RedisError

from apps.core.encryption import WrongKey
from apps.customers.services.sealing_start import who_is_waited_for
from apps.deliveries.services.gateway_of import gateway_of
from apps.devices.models import Channel
from apps.gateways.contract import Endpoints, PushContent, PushMessage, SendResult, TextMessage, Verdict
from apps.gateways.loop import get_loop
from config import env, release
from config.celery import app as celery_app

OLDEST_POSTGRES = 150_000
# Apple and Google refuse tokens signed by a clock that is minutes off.
LARGEST_SKEW_SECONDS = 60.0
PROBE_SECONDS = 30
# Refused by the vendors as malformed, and by the sandbox, whose word for it is the prefix.
NO_ADDRESS = {"fcm": "bad-check-setup", "apns": "bad-check-setup", "sms": "+0"}


class Wrong(Exception):
    """What is not as it must be; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at. said: what was found, for a person."""

    name: str
    is_good: bool
    said: str


def findings(now: Callable[[], datetime]) -> Iterator[Finding]:
    """Look at everything, in the order in which things depend on each other."""
    yield Finding("environment", True, f"{env.ENVIRONMENT}, data directory {settings.DATA_DIR}")
    database = _finding("database", _database)
    yield database
    yield _finding("broker", _broker)
    yield _finding("cache", _cache)
    if database.is_good:
        yield _finding("migrations", _migrations)
        yield _finding("phones and e-mails", _contacts)
        yield _finding("clock (database)", lambda: _skew(_database_time(), now()))
    yield _finding("clock (gateway)", lambda: _skew(_gateway_time(settings.GATEWAY_ENDPOINTS), now()))
    if database.is_good:
        yield from _channels(now)


def _finding(name: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(name, True, look())
    except (Wrong, WrongKey) as refusal:
        return Finding(name, False, str(refusal))
    # The last three: credentials that were stored in another shape than the gateway's.
    except (DatabaseError, KombuError, RedisError, OSError, ValueError, KeyError, TypeError) as error:
        return Finding(name, False, f"{type(error).__name__}: {error}".strip().splitlines()[0])


def _database() -> str:
    with connection.cursor() as cursor:
        cursor.execute("select current_setting('server_version'), current_setting('server_version_num')::int")
        version, number = cursor.fetchone()
    if number < OLDEST_POSTGRES:
        raise Wrong(f"PostgreSQL {version} is too old: 15 or newer is needed")
    return f"PostgreSQL {version}{'' if settings.DATABASE_URL else ', embedded'}"


def _migrations() -> str:
    executor = MigrationExecutor(connection)
    missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if missing:
        raise Wrong(f"{len(missing)} not applied: run `manage.py migrate`")
    return "all applied"


def _contacts() -> str:
    waiting = who_is_waited_for(reads=release.READS)
    if waiting is None:
        return "sealed"
    if not waiting:
        return "not sealed yet: workers begin once nobody of an older version was connected for five minutes"
    seen = ", ".join(f"{one.count} from {one.address or 'here'} as {one.name!r}" for one in waiting)
    return f"not sealed yet: programs of an older version are connected to the database ({seen})"


def _broker() -> str:
    with celery_app.connection_for_write(connect_timeout=5) as broker:
        broker.ensure_connection(max_retries=1, timeout=5)
        return f"{broker.transport_cls}{'' if settings.BROKER_URL else ', embedded'}"


def _cache() -> str:
    cache.set("check_setup", 1, timeout=10)
    if cache.get("check_setup") != 1:
        raise Wrong("does not give back what was put in")
    return urlsplit(settings.CACHE_URL).scheme


def _database_time() -> datetime:
    with connection.cursor() as cursor:
        cursor.execute("select clock_timestamp()")
        moment: datetime = cursor.fetchone()[0]
    return moment


def _gateway_time(endpoints: Endpoints) -> datetime | None:
    """What FCM's server says the time is, in its Date header (the sandbox sends none)."""
    url = urlsplit(endpoints.fcm_base_url)
    context = ssl.create_default_context(cafile=endpoints.ca_file or None)
    asked = http.client.HTTPSConnection(url.hostname or "", url.port, timeout=10, context=context)
    try:
        asked.request("HEAD", "/")
        said = asked.getresponse().getheader("Date")
    finally:
        asked.close()
    return parsedate_to_datetime(said).astimezone(UTC) if said else None


def _skew(there: datetime | None, here: datetime) -> str:
    if there is None:
        return "answers, but tells no time"
    seconds = (here - there).total_seconds()
    if abs(seconds) > LARGEST_SKEW_SECONDS:
        raise Wrong(f"this machine's clock is {seconds:+.0f} s off: gateways refuse tokens signed by it")
    return f"{seconds:+.1f} s"


def _channels(now: Callable[[], datetime]) -> Iterator[Finding]:
    channels = list(Channel.objects.select_related("app").order_by("app__slug", "gateway"))
    if not channels:
        yield Finding("channels", True, "none configured yet")
    for channel in channels:
        yield _finding(f"{channel.gateway} of {channel.app.slug}", partial(_probe, channel, now()))


def _probe(channel: Channel, now: datetime) -> str:
    gateway = gateway_of(
        channel, is_test=False, endpoints=settings.GATEWAY_ENDPOINTS, is_production=settings.IS_PRODUCTION
    )

    async def ask() -> SendResult | None:
        await gateway.open()
        try:
            messages = [_message(channel.gateway, now)] if channel.gateway in NO_ADDRESS else []
            results = await gateway.send(messages)  # type: ignore[arg-type]
            return results[0] if results else None
        finally:
            await gateway.close()

    result = asyncio.run_coroutine_threadsafe(ask(), get_loop()).result(PROBE_SECONDS)
    if result is None:
        return "keys are well-formed (push services are only met with a subscription)"
    if result.verdict in {Verdict.CONFIG_BAD, Verdict.RETRY}:
        raise Wrong(f"{result.verdict}: {result.vendor_code} {result.detail}".strip())
    return f"credentials accepted (the test address was refused: {result.vendor_code})"


def _message(gateway: str, now: datetime) -> PushMessage | TextMessage:
    address = NO_ADDRESS[gateway]
    if gateway == "sms":
        return TextMessage(reference="check-setup", to=address, body="check_setup")
    content = PushContent(title="check_setup", body="check_setup")
    return PushMessage("check-setup", address, content, now.timestamp() + 60, environment="production")
