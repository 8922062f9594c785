"""Registration: a token belongs to its last registration, and a repeat costs nothing."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.accounts.models import App, AuditEntry
from apps.core.problems import Conflict, InvalidInput
from apps.customers.models import Customer
from apps.devices.models import Device
from apps.devices.services.registration import (
    DeviceDraft,
    Registration,
    change_device,
    is_secret_of,
    register,
)
from tests.factories import NOW, make_app, make_customer, make_device

pytestmark = pytest.mark.django_db

BROWSER = {
    "endpoint": "https://fcm.googleapis.com/fcm/send/abc",
    "keys": {
        # The receiver's key of RFC 8291, appendix A.
        "p256dh": "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
        "auth": "BTBZMqHH6r4Tts7J_aSIgg",
    },
}
FCM = {"platform": "android", "provider": "fcm", "address": "token-1"}
APNS = {"platform": "ios", "provider": "apns", "address": "AB" * 32, "environment": "sandbox"}
WEB = {"platform": "web", "provider": "webpush", "subscription": BROWSER}


@pytest.fixture
def app() -> App:
    return make_app()


def launch(app: App, customer: str | None = "anna", *, hours: float = 0, **fields: Any) -> Registration:
    return register(
        app=app, draft=DeviceDraft(**{**FCM, **fields}), customer=customer, now=NOW + timedelta(hours=hours)
    )


def test_a_first_launch_makes_a_device_with_a_secret(app: App) -> None:
    launched = launch(app, locale="pl_PL", app_version="1.2.3.4.5-β", tags=["beta"])
    device = Device.objects.get()
    assert launched.is_new
    assert is_secret_of(device=device, secret=launched.secret or "")
    assert (device.customer.external_id, device.locale, device.app_version) == ("anna", "pl-PL", "1.2.3.4.5-β")
    assert (device.state, device.registered_at, device.tags) == ("active", NOW, ["beta"])


def test_a_later_launch_is_the_same_device_without_its_secret(app: App) -> None:
    first, second = launch(app), launch(app, hours=2)
    assert (second.device_id, second.is_new, second.secret) == (first.device_id, False, None)
    assert Device.objects.get().last_seen_at == NOW + timedelta(hours=2)


def versions() -> list[Any]:
    """Where the rows stand: PostgreSQL writes a changed one to another place."""
    with connection.cursor() as cursor:
        cursor.execute("select ctid from devices_device union all select ctid from customers_customer")
        return cursor.fetchall()


def test_a_repeat_within_the_hour_only_reads(app: App) -> None:
    launch(app, locale="pl", consent={"push": True})
    before = versions()
    with CaptureQueriesContext(connection) as queries:
        launch(app, hours=0.9, locale="pl", consent={"push": True})
    assert not queries.captured_queries  # prepared statements pass the ORM by, and nothing else is asked
    assert versions() == before
    assert Device.objects.get().last_seen_at == NOW


def test_a_later_launch_of_the_same_person_leaves_the_person_alone(app: App) -> None:
    launch(app)
    device, person = versions()
    with CaptureQueriesContext(connection) as queries:
        launch(app, hours=2)
    assert not queries.captured_queries
    assert versions()[0] != device
    assert versions()[1] == person


def test_what_is_not_mentioned_stays(app: App) -> None:
    launch(app, locale="pl", model="Pixel", tags=["beta"])
    launch(app, hours=2, model="Pixel 2")
    device = Device.objects.get()
    assert (device.locale, device.model, device.tags) == ("pl", "Pixel 2", ["beta"])


def test_a_change_within_the_hour_is_written(app: App) -> None:
    launch(app, app_version="1")
    launch(app, hours=0.5, app_version="2")
    assert Device.objects.get().app_version == "2"


def test_without_a_name_the_person_is_anonymous_and_stays(app: App) -> None:
    launch(app, None)
    launch(app, None, hours=2)
    assert Customer.objects.get().external_id is None


def test_a_log_in_names_the_person(app: App) -> None:
    launch(app, None)
    launch(app, "anna", hours=0.1)
    launch(app, None, hours=0.2)
    assert Device.objects.get().customer.external_id == "anna"
    assert not AuditEntry.objects.exists()


def test_a_token_seen_on_another_person_moves_and_is_logged(app: App) -> None:
    device_id = launch(app, "anna").device_id
    launch(app, "bea", hours=0.1)
    assert Device.objects.get().customer.external_id == "bea"
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.subject) == ("device.moved", f"device:{device_id}")


def test_the_same_token_in_another_app_is_another_device(app: App) -> None:
    launch(app)
    assert launch(make_app()).is_new


def test_a_rotated_token_keeps_its_device_and_person(app: App) -> None:
    first = launch(app)
    second = launch(app, None, hours=0.1, address="token-2", previous_address="token-1")
    device = Device.objects.get()
    assert (second.device_id, second.is_new) == (first.device_id, False)
    assert (device.address, device.customer.external_id) == ("token-2", "anna")


def test_a_rotation_to_a_known_token_retires_the_old_one(app: App) -> None:
    old = launch(app).device_id
    new = launch(app, address="token-2").device_id
    launch(app, hours=0.1, address="token-2", previous_address="token-1")
    assert [(one.pk, one.state, one.retired_reason) for one in Device.objects.order_by("id")] == [
        (old, "dead", "replaced"),
        (new, "active", ""),
    ]


@pytest.mark.parametrize("state", ["dead", "stale", "quarantined"])
def test_a_launch_brings_a_retired_device_back(app: App, state: str) -> None:
    launch(app)
    device = Device.objects.get()
    Device.objects.update(state=state, retired_reason="UNREGISTERED", retired_at=NOW)
    launch(app, hours=0.1)
    device.refresh_from_db()
    assert (device.state, device.retired_reason, device.retired_at) == ("active", "", None)


def test_consent_goes_to_the_person(app: App) -> None:
    launch(app, consent={"push": False})
    assert Customer.objects.get().push_consent is False


def test_an_erased_person_gets_no_device(app: App) -> None:
    make_customer(app, external_id="anna", erased_at=NOW)
    with pytest.raises(Conflict) as refusal:
        launch(app)
    assert refusal.value.code == "customer_erased"
    assert not Device.objects.exists()


def test_a_browser_is_kept_with_its_keys(app: App) -> None:
    register(app=app, draft=DeviceDraft(**WEB), customer="anna", now=NOW)
    device = Device.objects.get()
    assert (device.address, device.webpush_p256dh) == (BROWSER["endpoint"], BROWSER["keys"]["p256dh"])  # type: ignore[index]
    assert device.webpush_auth == BROWSER["keys"]["auth"]  # type: ignore[index]


def test_an_apns_token_is_the_same_in_either_case(app: App) -> None:
    first = register(app=app, draft=DeviceDraft(**APNS), customer="anna", now=NOW)
    second = register(app=app, draft=DeviceDraft(**{**APNS, "address": "ab" * 32}), customer="anna", now=NOW)
    assert second.device_id == first.device_id


@pytest.mark.parametrize(
    "address", ["ab" * 31, "ab" * 32 + "a", "xy" * 32, "ab" * 16 + " " + "ab" * 16, f"<{'ab' * 32}>"]
)
def test_a_malformed_apns_token_is_refused(app: App, address: str) -> None:
    assert codes(app, {**APNS, "address": address}) == [("/address", "apns_token_format")]


def codes(app: App, fields: dict[str, Any]) -> list[tuple[str, str]]:
    with pytest.raises(InvalidInput) as refusal:
        register(app=app, draft=DeviceDraft(**fields), customer="anna", now=NOW)
    assert not Device.objects.exists()
    return [(problem.pointer, problem.code) for problem in refusal.value.problems]


@pytest.mark.parametrize(
    ("fields", "pointer", "code"),
    [
        ({**FCM, "address": ""}, "/address", "required"),
        ({**FCM, "address": None}, "/address", "required"),
        ({**FCM, "address": 7}, "/address", "type"),
        ({**FCM, "address": "a b"}, "/address", "fcm_token_format"),
        ({**FCM, "address": "x" * 4_097}, "/address", "fcm_token_format"),
        ({**FCM, "address_kind": "iid"}, "/address_kind", "choice"),
        ({**FCM, "platform": "iPhone"}, "/platform", "choice"),
        ({**FCM, "provider": "apns"}, "/provider", "choice"),
        ({**APNS, "environment": "prod"}, "/environment", "choice"),
        ({**APNS, "environment": ""}, "/environment", "choice"),
        ({**FCM, "permission": "maybe"}, "/permission", "choice"),
        ({**FCM, "locale": "not a locale"}, "/locale", "language_tag"),
        ({**FCM, "app_version": "1" * 65}, "/app_version", "too_long"),
        ({**FCM, "tags": ["a"] * 51}, "/tags", "too_many"),
        ({**FCM, "consent": {"mail": True}}, "/consent/mail", "channel_unknown"),
        ({**WEB, "subscription": None}, "/subscription", "required"),
        ({**FCM, "subscription": BROWSER}, "/subscription", "other_provider"),
        ({**APNS, "subscription": {}}, "/subscription", "other_provider"),
        ({**WEB, "address": "token-1"}, "/address", "other_provider"),
        ({**FCM, "environment": "prod"}, "/environment", "choice"),
    ],
)
def test_a_bad_field_is_refused_with_its_code(app: App, fields: dict[str, Any], pointer: str, code: str) -> None:
    assert codes(app, fields) == [(pointer, code)]


def test_a_browsers_endpoint_may_stand_as_its_address_too(app: App) -> None:
    draft = DeviceDraft(**{**WEB, "address": BROWSER["endpoint"]})
    assert register(app=app, draft=draft, customer=None, now=NOW).is_new


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://fcm.googleapis.com/fcm/send/a",
        "file:///etc/passwd",
        "https://evil.example/a",
        "https://fcm.googleapis.com.evil.example/a",
        "https://169.254.169.254/latest",
        "https://[::1]/a",
        "https://user:secret@fcm.googleapis.com/a",
        "https://fcm.googleapis.com:bad/a",
    ],
)
def test_an_endpoint_elsewhere_is_refused(app: App, endpoint: str) -> None:
    wrong = {**WEB, "subscription": {**BROWSER, "endpoint": endpoint}}
    assert codes(app, wrong) == [("/subscription/endpoint", "endpoint_not_allowed")]


@pytest.mark.parametrize(
    ("keys", "pointer", "code"),
    [
        ({"auth": "BTBZMqHH6r4Tts7J_aSI"}, "/subscription/keys/auth", "auth_must_be_16_bytes"),
        ({"auth": "BTBZMqHH6r4Tts7J_aSIggg"}, "/subscription/keys/auth", "auth_must_be_16_bytes"),
        ({"p256dh": "B" * 87}, "/subscription/keys/p256dh", "p256dh_invalid"),
        ({"p256dh": "not base64!"}, "/subscription/keys/p256dh", "p256dh_invalid"),
    ],
)
def test_unusable_keys_are_refused(app: App, keys: dict[str, str], pointer: str, code: str) -> None:
    wrong = {**WEB, "subscription": {**BROWSER, "keys": {**BROWSER["keys"], **keys}}}  # type: ignore[dict-item]
    assert codes(app, wrong) == [(pointer, code)]


def test_a_device_changes_what_it_says_about_itself(app: App) -> None:
    device = make_device(make_customer(app))
    change_device(device=device, changes={"time_zone": "Europe/Warsaw"}, now=NOW)
    device.refresh_from_db()
    assert (device.time_zone, device.last_seen_at) == ("Europe/Warsaw", NOW)


def test_a_device_cannot_change_whose_it_is(app: App) -> None:
    device = make_device(make_customer(app))
    with pytest.raises(InvalidInput) as refusal:
        change_device(device=device, changes={"customer": "bea"}, now=NOW)
    assert [(problem.pointer, problem.code) for problem in refusal.value.problems] == [("/customer", "unknown_field")]


@pytest.mark.parametrize(("keeps_opt_out", "consent"), [(True, False), (False, True)])
def test_who_cannot_prove_themselves_cannot_undo_a_no(app: App, keeps_opt_out: bool, consent: bool) -> None:
    make_customer(app, external_id="anna", push_consent=False)
    draft = DeviceDraft(**FCM, consent={"push": True})
    register(app=app, draft=draft, customer="anna", now=NOW, keeps_opt_out=keeps_opt_out)
    assert Customer.objects.get(external_id="anna").push_consent is consent


def test_one_device_too_many_retires_the_one_not_seen_for_longest(app: App) -> None:
    App.objects.update(devices_per_person=2)
    app.refresh_from_db()
    first, second, third = (launch(app, address=f"token-{number}", hours=number) for number in (1, 2, 3))
    assert retired(first) == ("dead", "too_many_devices")
    assert [retired(one) for one in (second, third)] == [("active", "")] * 2
    launch(app, address="token-1", hours=4)
    assert [retired(one)[0] for one in (first, second, third)] == ["active", "dead", "active"], "it is used again"


def test_a_device_that_moves_to_somebody_counts_for_them(app: App) -> None:
    App.objects.update(devices_per_person=1)
    app.refresh_from_db()
    old = launch(app, address="token-1")
    moved = launch(app, "ben", address="token-2", hours=1)
    launch(app, "anna", address="token-2", hours=2)
    assert [retired(one)[0] for one in (old, moved)] == ["dead", "active"]


def test_dead_devices_and_other_peoples_do_not_count(app: App) -> None:
    App.objects.update(devices_per_person=1)
    app.refresh_from_db()
    anna, ben = make_customer(app, external_id="anna"), make_customer(app, external_id="ben")
    dead = make_device(anna, state="dead", retired_reason="removed")
    make_device(ben)
    launch(app)
    assert Device.objects.filter(state="active").count() == 2
    dead.refresh_from_db()
    assert dead.retired_reason == "removed"


def retired(launched: Registration) -> tuple[str, str]:
    device = Device.objects.get(pk=launched.device_id)
    return device.state, device.retired_reason
