"""`check_setup` against a real sandbox: it says good where all is good, and names what is not."""

from collections.abc import Callable
from dataclasses import asdict
from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django.fixtures import Settings

from apps.api.services.check_setup import Finding, findings
from tests.factories.accounts import make_app
from tests.factories.people import make_channel
from tests.fixtures_sandbox import RunningSandbox

pytestmark = pytest.mark.django_db


@pytest.fixture
def found(sandbox: RunningSandbox, settings: Settings) -> Callable[[], dict[str, Finding]]:
    """All findings by name, with the sandbox as every gateway."""
    settings.GATEWAY_ENDPOINTS = sandbox.endpoints
    return lambda: {finding.name: finding for finding in findings(timezone.now)}


def test_all_is_good_where_all_is_good(sandbox: RunningSandbox, found: Callable[[], dict[str, Finding]]) -> None:
    app = make_app(slug="shop")
    make_channel(app, "fcm", credentials={"service_account": dict(sandbox.credentials.app("shop").fcm.service_account)})
    seen = found()
    assert [finding for finding in seen.values() if not finding.is_good] == []
    assert {"database", "broker", "cache", "migrations", "clock (database)", "clock (gateway)", "fcm of shop"} <= set(
        seen
    )
    assert sandbox.inbox()["count"] == 0


def test_a_wrong_key_is_found(sandbox: RunningSandbox, found: Callable[[], dict[str, Finding]]) -> None:
    account = dict(sandbox.credentials.app("shop").fcm.service_account)
    channel = make_channel(make_app(slug="shop"), "fcm")  # with a key that the sandbox never issued
    channel.credentials["service_account"] = {
        **account,
        "private_key": channel.credentials["service_account"]["private_key"],
    }
    channel.save()
    finding = found()["fcm of shop"]
    assert not finding.is_good
    assert "config_bad" in finding.said


def test_unusable_credentials_are_found(found: Callable[[], dict[str, Finding]]) -> None:
    make_channel(make_app(slug="shop"), "fcm", credentials={"service_account": {}})
    assert not found()["fcm of shop"].is_good


def test_a_gateway_that_is_away_is_found(sandbox: RunningSandbox, settings: Settings) -> None:
    settings.GATEWAY_ENDPOINTS = type(sandbox.endpoints)(
        **{**asdict(sandbox.endpoints), "fcm_base_url": "https://127.0.0.1:9"}
    )
    clock = next(finding for finding in findings(timezone.now) if finding.name == "clock (gateway)")
    assert not clock.is_good


def test_a_wrong_clock_is_found(sandbox: RunningSandbox, settings: Settings) -> None:
    settings.GATEWAY_ENDPOINTS = sandbox.endpoints
    ahead = {finding.name: finding for finding in findings(lambda: timezone.now() + timedelta(minutes=10))}
    assert "+600 s off" in ahead["clock (database)"].said
