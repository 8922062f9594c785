"""Where a key is good, and how it is replaced without anything standing still."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from apps.accounts.models import App, AuditEntry
from apps.api.models import ApiKey
from apps.api.services.key_places import clean_networks, clean_origins
from apps.api.services.keys import UnknownKey, caller_of, forget_trusted, rotate_api_key
from apps.core.problems import Conflict, InvalidInput
from tests.factories import NOW, make_app, make_user
from tests.factories.api import ApiCaller, make_key

pytestmark = pytest.mark.django_db
DEVICE = {"platform": "android", "provider": "fcm", "address": "token-1"}


@pytest.mark.parametrize(
    ("networks", "address", "status"),
    [
        (["192.0.2.0/24"], "192.0.2.9", 200),
        (["192.0.2.0/24", "198.51.100.7"], "198.51.100.7", 200),
        (["192.0.2.0/24"], "192.0.3.9", 403),
        (["192.0.2.0/24"], "::ffff:192.0.2.9", 200),
        (["2001:db8::/32"], "2001:db8:1::9", 200),
        (["2001:db8::/32"], "192.0.2.9", 403),
        ([], "203.0.113.1", 200),
    ],
)
def test_a_key_is_good_in_its_networks_alone(app: App, networks: list[str], address: str, status: int) -> None:
    caller = ApiCaller(make_key(app, networks=networks), Client(REMOTE_ADDR=address))
    answer = caller.get("/v2.1/segments", X_Forwarded_For="192.0.2.9")
    assert answer.status_code == status
    assert status == 200 or answer.json()["code"] == "address_not_allowed"


@pytest.mark.parametrize(
    ("origin", "status"), [("https://shop.example", 201), ("https://evil.example", 403), ("null", 403), ("", 201)]
)
def test_a_publishable_key_is_good_on_its_sites_alone(app: App, origin: str, status: int) -> None:
    caller = ApiCaller(make_key(app, kind="pub", origins=["https://Shop.example/"]))
    answer = caller.post("/v2.1/devices", DEVICE, **({"Origin": origin} if origin else {}))
    assert answer.status_code == status
    assert answer.headers["Access-Control-Allow-Origin"] == "*"  # so that the page can read why


@pytest.mark.parametrize(
    "typed", ["https://a.example/path", "http://a.example", "a.example", "javascript:x", "https://u:p@a.example", "*"]
)
def test_what_is_no_origin_is_refused(typed: str) -> None:
    with pytest.raises(InvalidInput):
        clean_origins([typed])


def test_places_are_written_one_way() -> None:
    assert clean_networks(["192.0.2.7/24", " 192.0.2.0/24", "2001:DB8::1"]) == ["192.0.2.0/24", "2001:db8::1/128"]
    assert clean_origins(["HTTPS://A.example:443", "http://localhost:3000"]) == [
        "https://a.example",
        "http://localhost:3000",
    ]
    with pytest.raises(InvalidInput):
        clean_networks(["192.0.2.300"])


class TestRotation:
    def test_both_work_until_the_old_one_ends(self, app: App) -> None:
        old = make_key(app, "push:send", networks=["192.0.2.0/24"])
        now = timezone.now()
        row, new = rotate_api_key(key=ApiKey.objects.get(), overlap=timedelta(days=7), now=now)
        for secret, days, works in [(old, 6, True), (new, 6, True), (old, 8, False), (new, 8, True)]:
            forget_trusted()
            try:
                caller = caller_of(secret=secret, now=now + timedelta(days=days))
            except UnknownKey:
                assert not works
            else:
                assert works
                assert (caller.scopes, len(caller.networks)) == ({"push:send"}, 1)
        assert ApiKey.objects.get(replaced_by=row).prefix == old[:16]

    def test_an_old_key_is_not_prolonged(self, app: App) -> None:
        soon = NOW + timedelta(hours=1)
        make_key(app, expires_at=soon)
        rotate_api_key(key=ApiKey.objects.get(), overlap=timedelta(days=7), now=NOW)
        assert ApiKey.objects.order_by("pk")[0].expires_at == soon

    def test_one_key_has_one_successor(self, app: App) -> None:
        make_key(app)
        key = ApiKey.objects.get()
        rotate_api_key(key=key, overlap=timedelta(days=7), now=NOW)
        with pytest.raises(Conflict):
            rotate_api_key(key=key, overlap=timedelta(days=7), now=NOW)

    def test_the_admin_shows_the_successor_once(self, app: App, client: Client) -> None:
        client.force_login(make_user(app, role="developer"))
        make_key(app)
        key = ApiKey.objects.get()
        address = reverse("admin:api_apikey_rotate", args=[key.pk])
        assert "A new key in place of this one" in client.get(address).content.decode()
        page = client.post(address, {"hours": "24"}).content.decode()
        successor = ApiKey.objects.exclude(pk=key.pk).get()
        secret = page[page.index(successor.prefix) :][: len("hg_live_") + 43]
        assert caller_of(secret=secret, now=timezone.now()).key_id == successor.pk
        assert AuditEntry.objects.get(action="apikey.rotated").details == {
            "successor": successor.pk,
            "overlap_hours": 24,
        }
        assert client.post(address, {"hours": "24"}).status_code == 409

    @pytest.mark.parametrize(("role", "status"), [("analyst", 403), ("developer", 404)])
    def test_strangers_rotate_nothing(self, app: App, client: Client, role: str, status: int) -> None:
        make_key(make_app())
        client.force_login(make_user(app, role=role))
        answer: Any = client.post(reverse("admin:api_apikey_rotate", args=[ApiKey.objects.get().pk]), {"hours": "0"})
        assert answer.status_code in (status, 403)
        assert ApiKey.objects.count() == 1


def test_the_admin_tells_which_places_belong_to_which_kind(app: App, client: Client) -> None:
    client.force_login(make_user(app, role="developer"))
    fields = {"app": app.pk, "kind": "pub", "name": "web", "allowed_networks": "192.0.2.1", "allowed_origins": "x"}
    page = client.post(reverse("admin:api_apikey_add"), fields).content.decode()
    assert "used by phones and browsers everywhere" in page
    assert "is no origin" in page
    fields |= {"allowed_networks": "", "allowed_origins": "https://a.example\nhttps://b.example"}
    assert client.post(reverse("admin:api_apikey_add"), fields).status_code == 302
    assert ApiKey.objects.get().allowed_origins == ["https://a.example", "https://b.example"]
