"""Test sends: to chosen devices, as a chosen person, and counted nowhere."""

from typing import Any

import pytest
from django.test import Client

from apps.accounts.models import App, AuditEntry
from apps.campaigns.models import Campaign
from apps.campaigns.services.trials import tried_campaign, try_out
from apps.core.problems import InvalidInput
from apps.customers.models import Customer
from apps.deliveries.models import Batch, Dispatch
from apps.deliveries.services.contents import texts_of
from apps.devices.models import PairedDevice
from apps.devices.services.pairing import pair_device
from tests.factories import make_app, make_campaign, make_channel, make_customer, make_device, make_user
from tests.factories.people import NOW

pytestmark = pytest.mark.django_db
HELLO = {"title": 'Hi {{ first_name | default: "you" }}', "body": "Come and see."}


@pytest.fixture
def app() -> App:
    return make_app()


@pytest.fixture
def campaign(app: App) -> Campaign:
    return make_campaign(app, texts={"en": HELLO})


@pytest.fixture
def phone(app: App) -> PairedDevice:
    make_channel(app)
    return pair_device(device=make_device(make_customer(app, first_name="Owner")), name="Mine", user=None, now=NOW)


def send(campaign: Campaign, *phones: PairedDevice, customer: Customer | None = None, **text: Any) -> Any:
    actor = make_user(campaign.app, role="marketer")
    body = {**HELLO, **text}
    tried = tried_campaign(campaign)
    return try_out(tried=tried, text=body, customer=customer, devices=phones, actor=actor, now=NOW)


def title_sent() -> str:
    (text,) = texts_of([Dispatch.objects.get().pk]).values()
    return text.bodies[0, ""].render({"first_name": "Owner", **text.facts}).title


def test_it_goes_to_the_urgent_lane_as_a_test(campaign: Campaign, phone: PairedDevice) -> None:
    told = send(campaign, phone)
    dispatch = Dispatch.objects.get(pk=told.dispatch.pk)
    assert (dispatch.kind, dispatch.lane, dispatch.origin) == ("test", "urgent", f"trial:{campaign.pk}")
    assert Batch.objects.get(dispatch=dispatch).device_ids == [phone.device_id]
    assert AuditEntry.objects.filter(action="campaign.tried", subject=f"campaign:{campaign.pk}").exists()
    campaign.refresh_from_db()
    assert (campaign.state, campaign.dispatch) == ("draft", None)


def test_it_is_read_as_the_chosen_person(campaign: Campaign, phone: PairedDevice) -> None:
    send(campaign, phone, customer=make_customer(campaign.app, first_name="Ada"))
    assert title_sent() == "Hi Ada"


def test_what_the_person_lacks_is_not_filled_from_the_owner_of_the_device(
    campaign: Campaign, phone: PairedDevice
) -> None:
    send(campaign, phone, customer=None)
    assert title_sent() == "Hi you"


def test_a_closed_gateway_is_said_at_once(campaign: Campaign, phone: PairedDevice) -> None:
    phone.app.channels.update(state="paused", paused_reason="no credentials")
    told = send(campaign, phone)
    assert told.dispatch is None
    assert [reason for _phone, reason in told.refused] == ["FCM is paused: no credentials"]


@pytest.mark.parametrize(("text", "code"), [({"title": ""}, "required"), ({"link": "javascript:x"}, "link_scheme")])
def test_a_text_that_cannot_be_sent_is_refused(
    campaign: Campaign, phone: PairedDevice, text: dict[str, Any], code: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        send(campaign, phone, **text)
    assert [problem.code for problem in refused.value.problems] == [code]


def test_nobody_chosen_is_refused(campaign: Campaign, phone: PairedDevice) -> None:
    with pytest.raises(InvalidInput, match="choose at least one test device"):
        send(campaign)


@pytest.mark.parametrize(
    ("role", "name", "status"),
    [
        ("marketer", "trial-send", 200),
        ("approver", "trial-send", 200),
        ("analyst", "trial-send", 403),
        ("developer", "trial-send", 403),
        ("approver", "trial-pair", 403),
        ("analyst", "trial-add", 404),
    ],
)
def test_roles_decide(
    client: Client, campaign: Campaign, phone: PairedDevice, role: str, name: str, status: int
) -> None:
    client.force_login(make_user(campaign.app, role=role))
    path = f"/admin/campaigns/campaign/{campaign.pk}/{name}/"
    sent = {"on": [phone.pk], "device": phone.device_id}
    answer = client.get(path) if name == "trial-add" else client.post(path, sent)
    assert answer.status_code == status
    assert Dispatch.objects.exists() == (status == 200)


def test_the_page_shows_the_code_the_list_and_whose_device_may_be_added(client: Client, campaign: Campaign) -> None:
    device = make_device(make_customer(campaign.app, first_name="Zofia", email="zofia@a.test"))
    client.force_login(make_user(campaign.app, role="marketer"))
    root = f"/admin/campaigns/campaign/{campaign.pk}/trial"
    assert "No test device yet" in client.get(f"{root}/").content.decode()
    assert 'class="hg-qr"' in client.get(f"{root}-add/").content.decode()
    for words in ("zofia@a.test", "Zof", str(device.customer.external_id)):
        assert f'"device": "{device.pk}"' in client.get(f"{root}-found/", {"owner": words}).content.decode()
    assert "Zofia" in client.post(f"{root}-pair/", {"device": device.pk}).content.decode()
    paired = PairedDevice.objects.get()
    unchanged = client.get(f"{root}-devices/", {"known": paired.pk, "on": paired.pk})
    assert unchanged.status_code == 204
    assert "No test device yet" in client.post(f"{root}-unpair/", {"paired": paired.pk}).content.decode()
