"""The cache is empty or gone: slower, and correct."""

from collections.abc import Iterator

import pytest
from django.core.cache import cache
from django.test import override_settings
from redis import RedisError

from apps.accounts.models import App
from apps.segments.suggestions import values_of
from tests.factories import make_app, make_customer
from tests.factories.api import ApiCaller, make_key
from tests.faults.valkey import Valkey, broker_and_cache

pytestmark = pytest.mark.django_db


@pytest.fixture
def app() -> App:
    return make_app()


@pytest.fixture
def cached(valkey: Valkey) -> Iterator[Valkey]:
    """This process's cache is the test's own Valkey."""
    valkey.start()
    address = broker_and_cache(valkey.port)["CACHE_URL"]
    backend = "django.core.cache.backends.redis.RedisCache"
    with override_settings(CACHES={"default": {"BACKEND": backend, "LOCATION": address}}):
        yield valkey


def test_f50_the_api_answers_without_a_cache(app: App, cached: Valkey) -> None:
    """F50. Open for reads."""
    api = ApiCaller(make_key(app))
    cached.stop()
    with pytest.raises(RedisError):
        cache.get("anything")
    assert api.get("/v2.1/campaigns").status_code == 200


def test_f50_limits_hold_without_a_cache(app: App, cached: Valkey) -> None:
    """F50. Counted by each process for itself, so a caller still comes to an end."""
    api = ApiCaller(make_key(app))
    cached.stop()
    with override_settings(API_REQUESTS_PER_MINUTE=3):
        statuses = {api.get("/v2.1/campaigns").status_code for _ in range(8)}  # a minute may end meanwhile
    assert statuses == {200, 429}


def test_f50_an_unknown_key_is_refused_without_a_cache(app: App, cached: Valkey) -> None:
    """F50. Closed for whoever cannot prove who they are."""
    cached.stop()
    assert ApiCaller("hg_live_unknown").get("/v2.1/campaigns").status_code == 401


@pytest.mark.parametrize("fault", ["stop", "flush"])
def test_f50_the_rule_builder_suggests_without_a_cache(app: App, cached: Valkey, fault: str) -> None:
    """F50. What the cache would have known is asked of the database."""
    make_customer(app, country="PL")
    assert values_of(app, "country") == ["PL"]
    getattr(cached, fault)()
    assert values_of(app, "country") == ["PL"]
