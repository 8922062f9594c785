"""`/v2.1/devices`. Numbers are of bad-input.md, part B."""

import pytest

from apps.devices.models import Device
from tests.factories import make_app, make_customer, make_device
from tests.factories.api import ApiCaller, codes_of, make_key

pytestmark = pytest.mark.django_db
DEVICES = "/v2.1/devices"
ANDROID = {"platform": "android", "provider": "fcm", "address": "token-1"}
IPHONE = {"platform": "ios", "provider": "apns", "address": "ab" * 32, "environment": "production"}
BROWSER = {"platform": "web", "provider": "webpush"}


@pytest.fixture
def public(app):
    """A caller with a publishable key."""
    return ApiCaller(make_key(app, kind="pub"))


def test_a_new_device_is_201_with_its_secret(api):
    answer = api.post(DEVICES, {**ANDROID, "customer": "c1", "locale": "pl_PL", "tags": ["a"]})
    assert answer.status_code == 201
    assert answer.json().keys() == {"device_id", "device_secret", "server_time", "warnings"}
    device = Device.objects.get(pk=answer.json()["device_id"])
    assert (device.customer.external_id, device.locale, device.tags) == ("c1", "pl-PL", ["a"])


def test_32_the_same_token_again_is_200_and_the_same_device(api):
    first = api.post(DEVICES, ANDROID).json()
    again = api.post(DEVICES, ANDROID)
    assert (again.status_code, again.json()["device_id"]) == (200, first["device_id"])
    assert again.json()["device_secret"] is None


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({**IPHONE, "address": "ab" * 31 + "a"}, "apns_token_format"),
        ({**IPHONE, "address": "<" + "ab" * 32 + ">"}, "apns_token_format"),
        ({**IPHONE, "address": "abcdefghij"}, "apns_token_format"),
        ({**ANDROID, "address": ""}, "required"),
        ({**ANDROID, "address": "a" * 4097}, "fcm_token_format"),
        ({**ANDROID, "address": "a b"}, "fcm_token_format"),
        ({**ANDROID, "address": 7}, "type"),
        ({**ANDROID, "platform": "iPhone"}, "choice"),
        ({**ANDROID, "platform": None}, "required"),
        ({**IPHONE, "environment": "prod"}, "choice"),
        ({**IPHONE, "environment": None}, "choice"),
        ({**BROWSER, "subscription": {"endpoint": "http://x"}}, "endpoint_not_allowed"),
        ({**ANDROID, "customer": ""}, "required"),
        ({**ANDROID, "customer": "x" * 256}, "too_long"),
        ({**ANDROID, "customer": "a\nb"}, "control_characters"),
        ({**ANDROID, "customer": 5}, "type"),
        ({**ANDROID, "locale": "xx-YYYYYYYYY"}, "language_tag"),
        ({**ANDROID, "tags": "a"}, "type"),
        ({**ANDROID, "consent": {"mail": True}}, "channel_unknown"),
        ({**ANDROID, "consent": {"push": "yes"}}, "type"),
        ({**ANDROID, "identity_token": "x" * 4097}, "too_long"),
        ({**ANDROID, "identity_token": 7}, "type"),
        ({**ANDROID, "permission": True}, "choice"),
        ({**ANDROID, "subscription": "nonsense"}, "other_provider"),
    ],
)
def test_25_to_37_bad_registrations(api, body, code):
    answer = api.post(DEVICES, body)
    assert answer.status_code == 400
    assert code is None or code in codes_of(answer)
    assert not Device.objects.exists()


def test_the_app_may_be_named_and_must_be_the_keys(api):
    assert api.post(DEVICES, {**ANDROID, "app": "shop"}).status_code == 201
    assert api.post(DEVICES, {**ANDROID, "app": make_app().slug}).status_code == 404


def test_38_app_version_is_a_text(api):
    answer = api.post(DEVICES, {**ANDROID, "app_version": "1.2.3.4.5-β"})
    assert Device.objects.get(pk=answer.json()["device_id"]).app_version == "1.2.3.4.5-β"


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
def test_43_a_publishable_key_needs_the_devices_secret(api, public, method):
    mine = public.post(DEVICES, ANDROID).json()
    path, body = f"{DEVICES}/{mine['device_id']}", {"model": "Pixel"} if method == "PATCH" else None
    assert public.send(method, path, body).status_code == 404
    assert public.send(method, path, body, X_Device_Secret="wrong").status_code == 404
    assert public.send(method, path, body, X_Device_Secret=mine["device_secret"]).status_code in (200, 204)


def test_a_device_is_read_changed_and_removed(api, app):
    device = make_device(make_customer(app, external_id="c1"))
    path = f"{DEVICES}/{device.pk}"
    assert api.get(path).json()["customer"] == "c1"
    assert api.patch(path, {"model": "Pixel 9", "tags": ["beta"]}).json()["model"] == "Pixel 9"
    assert api.delete(path).status_code == 204
    assert api.get(path).status_code == 404


def test_a_device_is_never_shown_with_its_address(api, app):
    device = make_device(make_customer(app))
    assert device.address not in api.get(f"{DEVICES}/{device.pk}").content.decode()


@pytest.mark.parametrize("body", [{"platform": "ios"}, {"state": "active"}, {"model": 5}, {"time_zone": "Mars/Base"}])
def test_what_a_device_is_cannot_be_changed_to_nonsense(api, app, body):
    device = make_device(make_customer(app))
    assert api.patch(f"{DEVICES}/{device.pk}", body).status_code == 400
