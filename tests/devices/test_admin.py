"""The pages of devices and channels: read and restored, pasted and never shown again."""

import json

import pytest
from django.test import Client

from apps.accounts.models import App, AuditEntry
from apps.core.problems import InvalidInput
from apps.devices.models import Channel
from apps.devices.services.channels import save_credentials, set_pace, set_quota
from tests.factories import NOW, make_app, make_channel, make_customer, make_device, make_user

pytestmark = pytest.mark.django_db

DEVICES, CHANNELS = "/admin/devices/device/", "/admin/devices/channel/"
TWILIO = {"account_sid": f"AC{'0' * 32}", "auth_token": "1" * 32, "sender": "+48500600700"}


@pytest.fixture
def app() -> App:
    return make_app(slug="shop")


@pytest.fixture
def developer(app: App) -> Client:
    client = Client()
    client.force_login(make_user(app, role="developer"))
    return client


def test_dead_devices_are_found_and_restored(app: App, developer: Client) -> None:
    dead = make_device(make_customer(app, external_id="anna"), state="dead", retired_reason="UNREGISTERED")
    foreign = make_device(make_customer(make_app()), state="dead")
    html = developer.get(f"{DEVICES}?state__exact=dead").content.decode()
    assert "UNREGISTERED" in html
    chosen = {"action": "restore_devices", "_selected_action": [dead.pk, foreign.pk]}
    developer.post(DEVICES, chosen)
    dead.refresh_from_db()
    foreign.refresh_from_db()
    assert (dead.state, foreign.state) == ("active", "dead")
    assert AuditEntry.objects.get().subject == f"device:{dead.pk}"


def test_an_analyst_cannot_restore(app: App) -> None:
    analyst = Client()
    analyst.force_login(make_user(app, role="analyst"))
    dead = make_device(make_customer(app), state="dead")
    analyst.post(DEVICES, {"action": "restore_devices", "_selected_action": [dead.pk]})
    dead.refresh_from_db()
    assert dead.state == "dead"


def test_a_device_is_read_not_edited(app: App, developer: Client) -> None:
    device = make_device(make_customer(app), model="Pixel 9")
    assert "Pixel 9" in developer.get(f"{DEVICES}{device.pk}/change/").content.decode()
    assert developer.get(f"{DEVICES}add/").status_code == 403


def test_a_channel_is_connected_by_pasting(app: App) -> None:
    owner = Client()
    owner.force_login(make_user(app, role="owner"))
    answer = owner.post(f"{CHANNELS}add/?app=shop&gateway=sms", TWILIO)
    channel = Channel.objects.get()
    assert answer["Location"] == f"{CHANNELS}{channel.pk}/change/"
    assert channel.credentials == TWILIO
    html = owner.get(f"{CHANNELS}{channel.pk}/change/").content.decode()
    assert TWILIO["sender"] in html
    assert TWILIO["auth_token"] not in html


def test_mistakes_are_named_beside_the_fields_and_nothing_is_stored(app: App) -> None:
    owner = Client()
    owner.force_login(make_user(app, role="owner"))
    pasted = {"service_account": json.dumps({"type": "authorized_user"})}
    html = owner.post(f"{CHANNELS}add/?app=shop&gateway=fcm", pasted).content.decode()
    assert "own login" in html
    assert not Channel.objects.exists()


def test_an_empty_secret_keeps_what_is_stored(app: App) -> None:
    save_credentials(app=app, gateway="sms", pasted=TWILIO, now=NOW)
    saved = save_credentials(app=app, gateway="sms", pasted={"sender": "Shop"}, now=NOW)
    assert saved.credentials == {**TWILIO, "sender": "Shop"}


def test_new_credentials_open_a_stopped_channel(app: App) -> None:
    make_channel(app, "sms", state="paused", paused_reason="20003", verified_at=NOW)
    saved = save_credentials(app=app, gateway="sms", pasted={"auth_token": "2" * 32}, now=NOW)
    saved.refresh_from_db()
    assert (saved.state, saved.paused_reason, saved.verified_at) == ("active", "", None)


def test_the_same_credentials_change_nothing(app: App) -> None:
    make_channel(app, "sms", state="paused", paused_reason="20003", verified_at=NOW)
    save_credentials(app=app, gateway="sms", pasted={}, now=NOW)
    assert Channel.objects.get().state == "paused"


@pytest.mark.parametrize("gateway", ["fcm", "apns", "webpush"])
def test_stored_credentials_pass_their_own_check(app: App, gateway: str) -> None:
    channel = make_channel(app, gateway)
    assert save_credentials(app=app, gateway=gateway, pasted={}, now=NOW) == channel


def test_web_push_keys_are_made_where_none_are_pasted(app: App) -> None:
    saved = save_credentials(app=app, gateway="webpush", pasted={"subject": "mailto:push@example.com"}, now=NOW)
    assert (len(saved.credentials["private_key"]), len(saved.credentials["public_key"])) == (43, 87)


@pytest.mark.parametrize("pace", [0, -1, 2_000_000])
def test_an_impossible_pace_is_refused(app: App, pace: float) -> None:
    with pytest.raises(InvalidInput) as refusal:
        set_pace(channel=make_channel(app), per_second=pace)
    assert refusal.value.problems[0].code == "range"


def test_a_channel_is_stopped_and_opened_by_hand(app: App, developer: Client) -> None:
    channel = make_channel(app)
    developer.post(f"{CHANNELS}{channel.pk}/pause/", {"reason": "moving house"})
    channel.refresh_from_db()
    assert (channel.state, channel.paused_reason) == ("paused", "moving house")
    assert "moving house" in developer.get(CHANNELS).content.decode()
    developer.post(f"{CHANNELS}{channel.pk}/resume/")
    channel.refresh_from_db()
    assert channel.state == "active"
    assert {entry.action for entry in AuditEntry.objects.all()} == {"channel.changed"}


def test_channels_of_other_apps_do_not_exist(developer: Client) -> None:
    foreign = make_channel(make_app())
    assert developer.get(f"{CHANNELS}{foreign.pk}/change/").status_code == 404
    assert developer.post(f"{CHANNELS}{foreign.pk}/pause/").status_code == 404


def test_an_existing_channel_opens_instead_of_a_second(app: App) -> None:
    owner = Client()
    owner.force_login(make_user(app, role="owner"))
    channel = make_channel(app, "sms")
    answer = owner.get(f"{CHANNELS}add/?app=shop&gateway=sms")
    assert answer["Location"] == f"{CHANNELS}{channel.pk}/change/"


def test_a_channel_says_why_it_rests_and_what_went_wrong(app: App, developer: Client) -> None:
    rests = {"state": "paused", "closed_by": "breaker", "paused_reason": "503"}
    channel = make_channel(app, **rests, trouble="503 again", trouble_at=NOW)
    page = developer.get(f"{CHANNELS}{channel.pk}/change/").content.decode()
    assert "does not answer as it should" in page
    assert "503 again" in page


@pytest.mark.parametrize(("door", "state"), [("restore", "active"), ("believe", "dead")])
def test_a_mass_death_is_decided_by_a_person(app: App, developer: Client, door: str, state: str) -> None:
    channel = make_channel(app, deaths_doubted_until=NOW)
    device = make_device(make_customer(app), state="quarantined", retired_reason="UNREGISTERED")
    assert "1 device was set aside" in developer.get(f"{CHANNELS}{channel.pk}/change/").content.decode()
    developer.post(f"{CHANNELS}{channel.pk}/{door}/")
    device.refresh_from_db()
    assert device.state == state
    assert AuditEntry.objects.get().subject == f"channel:{channel.pk}"


def test_the_quota_of_a_project_is_one_for_all_its_apps(app: App, developer: Client) -> None:
    channel = make_channel(app, project="shop-1")
    twin = make_channel(make_app(), project="shop-1")
    developer.post(f"{CHANNELS}{channel.pk}/change/", {"service_account": "", "quota_per_minute": "1200000"})
    twin.refresh_from_db()
    assert twin.quota_per_minute == 1_200_000


def test_an_impossible_quota_is_refused(app: App) -> None:
    with pytest.raises(InvalidInput):
        set_quota(channel=make_channel(app), per_minute=-1)


def test_an_fcm_channel_knows_whose_quota_it_uses(app: App) -> None:
    stored = make_channel(make_app()).credentials["service_account"]
    channel = save_credentials(app=app, gateway="fcm", pasted={"service_account": json.dumps(stored)}, now=NOW)
    assert channel.project == stored["project_id"]
