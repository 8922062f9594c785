"""/pair/{code}: what the device behind a QR code does."""

import pytest
from django.test import Client
from django.utils import timezone

from apps.accounts.models import App
from apps.devices.models import Device, PairedDevice
from apps.devices.services.pairing import make_code
from apps.devices.services.registration import hash_secret
from tests.factories import make_app, make_customer, make_device, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def app() -> App:
    return make_app()


@pytest.fixture
def link(app: App) -> str:
    return f"/pair/{make_code(app=app, user=make_user(app, role='marketer'), now=timezone.now())}"


def of_ola(app: App) -> Device:
    return make_device(make_customer(app), secret_hash=hash_secret("its own"))


def test_an_app_pairs_itself_with_its_secret(client: Client, app: App, link: str) -> None:
    said = {"device_id": of_ola(app).pk, "device_secret": "its own", "name": "Ola's phone"}
    answer = client.post(link, said, content_type="application/json")
    assert answer.json() == {"paired": True, "app": app.slug, "name": "Ola's phone"}
    assert PairedDevice.objects.get(app=app).paired_by is not None


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"device_secret": "another"}, 404, "not_found"),
        ({"device_id": 2**62}, 404, "not_found"),
        ({"device_id": "7", "device_secret": 1}, 400, "type"),
        ({"name": "a\x00b"}, 400, "nul_not_allowed"),
    ],
    ids=["secret", "unknown", "types", "nul"],
)
def test_whoever_cannot_show_it_is_refused(
    client: Client, app: App, link: str, changes: dict[str, object], status: int, code: str
) -> None:
    said = {"device_id": of_ola(app).pk, "device_secret": "its own", **changes}
    answer = client.post(link, said, content_type="application/json")
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert not PairedDevice.objects.exists()


def test_a_device_of_another_app_is_unknown(client: Client, link: str) -> None:
    said = {"device_id": of_ola(make_app()).pk, "device_secret": "its own"}
    assert client.post(link, said, content_type="application/json").status_code == 404


def test_a_wrong_code_tells_people_and_apps_in_their_own_words(client: Client) -> None:
    assert "This code does not work any more" in client.get("/pair/none").content.decode()
    answer = client.post("/pair/none", {}, content_type="application/json")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_looking_at_the_page_pairs_nothing(client: Client, link: str) -> None:
    answer = client.get(link)
    assert "Make this a test device" in answer.content.decode()
    assert "script-src" not in answer.headers["Content-Security-Policy"]
    assert not PairedDevice.objects.exists()


def test_without_a_sandbox_there_are_no_virtual_phones(client: Client, link: str) -> None:
    assert client.post(link, {"platform": "android"}).status_code == 400
    assert not Device.objects.exists()
