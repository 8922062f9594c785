"""Access tokens: one for all processes, one exchange however many ask, and a token server that misbehaves."""

import asyncio
import threading
import time
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from pytest_django import Settings

from apps.core.shelf import CacheShelf
from apps.gateways.contract import Verdict
from apps.gateways.oauth import REST_SECONDS, AccessTokens, NoAccessToken
from tests.gateways.certificates import Authority
from tests.gateways.conftest import run
from tests.gateways.google import Google, service_account
from tests.gateways.vendor import Act, Reply, Vendor

Make = Callable[..., AccessTokens]


@pytest.fixture
def google() -> Google:
    return Google()


@pytest.fixture
def make(vendor: Callable[..., Vendor], google: Google, authority: Authority) -> Make:
    """Processes of one installation: each has its own AccessTokens, all share the cache."""
    server = vendor(google)
    account = service_account(f"{server.url}/token")
    shelf = CacheShelf(f"test-{server.port}-{time.time()}")

    def make(**changes: str) -> AccessTokens:
        return AccessTokens({**account, **changes}, ca_file=authority.ca_file, shelf=shelf)

    return make


async def headers(processes: list[AccessTokens]) -> list[str]:
    return await asyncio.gather(*(process.header() for process in processes))


async def refused(tokens: AccessTokens) -> tuple[str, float]:
    """The code, and the seconds that it took."""
    begun = time.monotonic()
    with pytest.raises(NoAccessToken) as caught:
        await tokens.header()
    assert caught.value.result.verdict is Verdict.CONFIG_BAD
    return caught.value.result.vendor_code, time.monotonic() - begun


def test_processes_share_one_token_and_one_exchange(make: Make, google: Google) -> None:
    assert set(run(headers([make() for _ in range(5)]))) == {"Bearer tok-1"}
    assert run(headers([make()])) == ["Bearer tok-1"]
    assert len(google.claims) == 1


def test_a_token_rejected_in_all_processes_is_renewed_once(make: Make, google: Google) -> None:
    async def work() -> list[str]:
        processes = [make() for _ in range(5)]
        await headers(processes)
        return await asyncio.gather(*(process.renew("Bearer tok-1") for process in processes))

    assert set(run(work())) == {"Bearer tok-2"}
    assert len(google.claims) == 2


def test_a_token_is_not_found_without_its_private_key(make: Make) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    other = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()

    async def work() -> None:
        await make().header()
        with pytest.raises(NoAccessToken):
            await make(private_key=other).header()

    run(work())


def test_whoever_claimed_the_exchange_and_died_holds_up_nobody_for_long(make: Make) -> None:
    tokens = make()
    assert tokens._shelf.claim(tokens._name, 60)
    begun = time.monotonic()
    assert run(headers([tokens])) == ["Bearer tok-1"]
    assert time.monotonic() - begun < 50


def test_a_cache_that_is_away_costs_an_exchange_each(
    vendor: Callable[..., Vendor], google: Google, authority: Authority, settings: Settings
) -> None:
    settings.CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": "redis://127.0.0.1:1/0",
            "OPTIONS": {"socket_connect_timeout": 0.5},
        }
    }
    account = service_account(f"{vendor(google).url}/token")
    processes = [AccessTokens(account, ca_file=authority.ca_file, shelf=CacheShelf("away")) for _ in range(2)]
    assert set(run(headers(processes))) == {"Bearer tok-1", "Bearer tok-2"}


def test_a_token_server_that_refuses_is_not_asked_again_at_once(make: Make, google: Google) -> None:
    google.oauth = lambda: Reply(400, b'{"error": "invalid_grant"}')
    tokens = make()

    async def work() -> list[str]:
        return [(await refused(tokens))[0] for _ in range(20)]

    assert set(run(work())) == {"invalid_grant"}
    assert len(google.claims) == 1


@pytest.mark.long
def test_it_is_asked_again_after_a_rest(make: Make, google: Google) -> None:
    google.oauth = lambda: Reply(400, b'{"error": "invalid_grant"}')
    tokens = make()

    async def work() -> str:
        await refused(tokens)
        google.oauth = None
        await asyncio.sleep(REST_SECONDS)
        return await tokens.header()

    assert run(work()) == "Bearer tok-1"


def test_a_huge_answer_is_not_read(make: Make, google: Google) -> None:
    google.oauth = lambda: Reply(200, b'{"access_token": "' + b"x" * 5_000_000)
    assert run(refused(make()))[0] == "oauth_unreachable"


@pytest.mark.long
def test_a_silent_token_server_is_given_up(make: Make, google: Google) -> None:
    google.oauth = lambda: Reply(act=Act.NEVER)
    code, seconds = run(refused(make()))
    assert code in ("oauth_timeout", "oauth_unreachable")
    assert 8 < seconds < 60


@pytest.mark.long
def test_a_token_server_that_dribbles_is_given_up_and_asked_again(make: Make, google: Google) -> None:
    google.oauth = lambda: Reply(200, b"{" * 1000, act=Act.DRIBBLE)
    tokens = make()

    async def work() -> str:
        _code, seconds = await refused(tokens)
        assert 8 < seconds < 60
        google.oauth = None
        await asyncio.sleep(REST_SECONDS + 1)
        return await tokens.header()

    assert run(work()) == "Bearer tok-1"
    assert sum(thread.name.startswith("asyncio_") for thread in threading.enumerate()) < 10
