"""What changes something leaves an entry in the audit log: every page of the admin that acts, every verb of the API.

A new page or call has to be entered here, with its entry, or with the reason why it has none.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from apps.accounts.models import App, AuditEntry
from apps.api.models import ApiKey, WebhookEndpoint
from apps.api.webhooks.services.replays import start_replay
from apps.campaigns.models import Automation, Campaign
from apps.campaigns.services import approvals, lifecycle
from apps.customers.models import Customer
from apps.deliveries.models import Dispatch
from apps.devices.models import Channel
from apps.segments.models import Segment
from apps.sms_booster.models import BoostRule, TrialNumber
from tests.factories import make_app, make_channel, make_customer, make_ready_campaign, make_user
from tests.factories.api import make_key
from tests.factories.automations import make_active, make_automation
from tests.factories.webhooks import make_endpoint
from tests.journeys.test_roles import SPECIAL

pytestmark = pytest.mark.django_db
type Prepare = Callable[[Campaign], Any]


def launch(campaign: Campaign) -> None:
    lifecycle.launch_now(campaign=campaign, version=1, actor="mary", now=timezone.now())


def pause(campaign: Campaign) -> None:
    launch(campaign)
    Dispatch.objects.update(state="paused")


def schedule(campaign: Campaign) -> None:
    Campaign.objects.update(timing="at", scheduled_at=timezone.now() + timedelta(days=1))
    lifecycle.schedule(campaign=campaign, version=1, actor="mary", now=timezone.now())


def ask(campaign: Campaign) -> Mapping[str, str]:
    now = timezone.now()
    asked = approvals.request_approval(campaign=campaign, version=1, actor="mary", note="", now=now)
    return {"approval": str(asked.pk), "fingerprint": asked.fingerprint}


def pause_channel(campaign: Campaign) -> None:
    Channel.objects.update(state="paused", paused_reason="by hand")


def name_stranger(campaign: Campaign) -> Mapping[str, str]:
    """Somebody who is not on the list yet."""
    return {"pasted": str(make_customer(campaign.app, external_id="other-two").external_id)}


def name_other(campaign: Campaign) -> Mapping[str, str]:
    return {"other": str(make_customer(campaign.app, external_id="other-one").external_id)}


def draft_automation(campaign: Campaign) -> None:
    make_automation(campaign.app)


def activate(campaign: Campaign) -> None:
    make_active(campaign.app)


def pause_automation(campaign: Campaign) -> None:
    activate(campaign)
    Automation.objects.update(state="paused")


def make_a_key(campaign: Campaign) -> None:
    make_key(campaign.app)


def make_a_webhook(campaign: Campaign) -> Mapping[str, str]:
    """And a span that could be sent once more."""
    make_endpoint(campaign.app, "http://127.0.0.1:9/")
    return {"since": (timezone.now() - timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M")}


def make_a_disabled_webhook(campaign: Campaign) -> None:
    make_endpoint(campaign.app, "http://127.0.0.1:9/", state="disabled")


def make_a_replay(campaign: Campaign) -> None:
    endpoint, now = make_endpoint(campaign.app, "http://127.0.0.1:9/"), timezone.now()
    start_replay(endpoint=endpoint, since=now - timedelta(hours=1), until=None, actor="test", now=now)


def name_number(campaign: Campaign) -> Mapping[str, str]:
    number = TrialNumber.objects.create(app=campaign.app, name="Mine", phone="+48500600700", added_at=timezone.now())
    return {"number": str(number.pk)}


def write_sms(campaign: Campaign) -> Mapping[str, str]:
    make_channel(campaign.app, "sms")
    BoostRule.objects.create(campaign=campaign, text="Come back")
    return {"on": name_number(campaign)["number"]}


def name_own(campaign: Campaign) -> Mapping[str, str]:
    return {"typed": str(Customer.objects.order_by("pk")[0].external_id)}


@dataclass(frozen=True, slots=True)
class Act:
    """One button: what is sent, after what, and the entry it leaves. prepare may give more to send."""

    action: str
    sent: Mapping[str, str] = field(default_factory=dict)
    prepare: Prepare = lambda campaign: None


REVIEWED = {"version": "1", "shown": "3", "typed": "3"}
ACTS: Mapping[str, Act] = {
    "campaigns_campaign_launch": Act("campaign.launched", REVIEWED),
    "campaigns_campaign_ask": Act("campaign.approval_requested", REVIEWED),
    "campaigns_campaign_withdraw": Act("campaign.approval_withdrawn", prepare=ask),
    "campaigns_campaign_approve": Act("campaign.approved", prepare=ask),
    "campaigns_campaign_refuse": Act("campaign.refused", prepare=ask),
    "campaigns_campaign_pause": Act("campaign.paused", prepare=launch),
    "campaigns_campaign_resume": Act("campaign.resumed", prepare=pause),
    "campaigns_campaign_cancel": Act("campaign.cancelled", prepare=schedule),
    "campaigns_campaign_unschedule": Act("campaign.unscheduled", prepare=schedule),
    "campaigns_campaign_launch-ahead": Act("campaign.launched", prepare=schedule),
    "campaigns_campaign_duplicate": Act("campaign.duplicated"),
    "campaigns_campaign_automate": Act("automation.added"),
    "campaigns_automation_activate": Act("automation.activated", {"version": "1"}, prepare=draft_automation),
    "campaigns_automation_pause": Act("automation.paused", prepare=activate),
    "campaigns_automation_resume": Act("automation.resumed", prepare=pause_automation),
    "campaigns_automation_end": Act("automation.ended", prepare=activate),
    "campaigns_automation_duplicate": Act("automation.duplicated", prepare=draft_automation),
    "campaigns_campaign_sms-trial-add": Act("trialnumber.added", {"phone": "+48500600700"}),
    "campaigns_campaign_sms-trial-remove": Act("trialnumber.removed", prepare=name_number),
    "campaigns_campaign_sms-trial-send": Act("campaign.tried", prepare=write_sms),
    "devices_channel_pause": Act("channel.changed"),
    "devices_channel_resume": Act("channel.changed", prepare=pause_channel),
    "devices_channel_restore": Act("channel.changed"),
    "devices_channel_believe": Act("channel.changed"),
    "customers_customer_reveal": Act("customer.revealed"),
    "customers_customer_tell": Act("customer.exported"),
    "customers_customer_consent": Act("customer.changed", {"channel": "push", "granted": "no"}),
    "customers_customer_link": Act("customer.link_given"),
    "customers_customer_merge": Act("customer.merged", prepare=name_other),
    "customers_customer_erase": Act("customer.erased", prepare=name_own),
    "segments_segment_people": Act("segment.changed", prepare=name_stranger),
    "segments_segment_remove": Act("segment.changed", {"customer": "1"}),
    "api_apikey_rotate": Act("apikey.rotated", {"hours": "24"}, prepare=make_a_key),
    "api_webhookendpoint_rotate": Act("webhookendpoint.secret_rotated", prepare=make_a_webhook),
    "api_webhookendpoint_disable": Act("webhookendpoint.disabled", prepare=make_a_webhook),
    "api_webhookendpoint_enable": Act("webhookendpoint.enabled", prepare=make_a_disabled_webhook),
    "api_webhookendpoint_revive": Act("webhookendpoint.revived", prepare=make_a_webhook),
    "api_webhookendpoint_replay": Act("webhookendpoint.replayed", prepare=make_a_webhook),
    "api_webhookendpoint_stop-replay": Act("webhookendpoint.replay_stopped", prepare=make_a_replay),
    "api_webhookendpoint_remove": Act("webhookendpoint.deleted", prepare=make_a_webhook),
    "auth_user_password_change": Act("user.changed", {"password1": "long-Enough-7", "password2": "long-Enough-7"}),
}
# Pages that need a permission to change something, and leave no entry.
SILENT: Mapping[str, str] = {
    "api_webhookendpoint_test": "one request to the app's own server; it stands in the webhook's log",
    "campaigns_campaign_save": "saved while it is typed; what was launched stands in its approval and its dispatch",
    "campaigns_automation_save": "as a campaign's; what was activated cannot be changed any more",
    "campaigns_automation_count": "counts",
    "campaigns_automation_trial-send": "goes to the tester's own devices",
    "campaigns_automation_trial-pair": "as trial-send",
    "campaigns_automation_trial-unpair": "as trial-send",
    "campaigns_automation_sms-trial-add": "as a campaign's",
    "campaigns_automation_sms-trial-remove": "as a campaign's",
    "campaigns_automation_sms-trial-send": "automation.tried, where it has an SMS (tests/sms_booster)",
    "campaigns_campaign_languages": "as save",
    "campaigns_campaign_variants": "as save",
    "campaigns_campaign_choose": "campaign.decided, for a running test alone (tests/campaigns)",
    "campaigns_campaign_keep": "messagetemplate.added, where a name is given (tests/campaigns)",
    "campaigns_campaign_trial-send": "goes to the tester's own devices",
    "campaigns_campaign_trial-pair": "as trial-send",
    "campaigns_campaign_trial-unpair": "as trial-send",
    "campaigns_campaign_archive": "hides a line of the list; nothing of the campaign changes",
    "campaigns_campaign_restore": "as archive",
    "customers_customer_edit": "draws the form, and leaves customer.changed when it is stored (tests/customers)",
    "customers_importrun_columns": "the upload left importrun.added; this is the same import",
    "customers_importrun_reread": "as columns",
    "customers_importrun_start": "as columns",
    "customers_importrun_cancel": "as columns",
    "customers_importrun_words": "importrun.worded, of an import that is over (tests/customers)",
    "customers_importrun_refused": "a look at what was refused",
    "customers_importrun_warned": "a look at what was not taken",
    "segments_segment_refresh": "computes what is computed every quarter of an hour anyway; SegmentRefresh keeps it",
    "segments_segment_part": "draws a part of a form",
    "segments_segment_count": "counts",
    "segments_segment_import": "reads a rule into the form",
}


@pytest.fixture
def app() -> App:
    return make_app()


@pytest.fixture
def campaign(app: App) -> Campaign:
    return make_ready_campaign(app)


def test_every_page_that_acts_is_entered() -> None:
    acting = {name for name, permission in SPECIAL.items() if permission and ".view_" not in permission}
    assert len(acting) > 20
    assert acting - ACTS.keys() - SILENT.keys() == set()


@pytest.mark.parametrize("name", sorted(ACTS))
def test_a_button_leaves_its_entry(name: str, client: Client, app: App, campaign: Campaign) -> None:
    owner = make_user(app, is_superuser=True)
    client.force_login(owner)
    act = ACTS[name]
    more = act.prepare(campaign) or {}
    rows: Mapping[str, Any] = {
        "campaigns": campaign,
        "devices": Channel.objects.get(gateway="fcm"),
        "customers": Customer.objects.order_by("pk")[0],
        "segments": Segment.objects.get(),
        "accounts": make_user(app),
        "api": WebhookEndpoint.objects.first() or ApiKey.objects.first(),
    }
    room, model, verb = name.replace("auth_user_password_change", "accounts_user_password").split("_", 2)
    row = Automation.objects.get() if model == "automation" else rows[room]
    client.post(f"/admin/{room}/{model}/{row.pk}/{verb}/", {**act.sent, **more})
    assert act.action in AuditEntry.objects.values_list("action", flat=True)


@pytest.mark.parametrize("verb", ["launch", "pause", "resume", "cancel"])
def test_a_verb_of_the_api_leaves_its_entry_with_the_key(
    verb: str, client: Client, app: App, campaign: Campaign
) -> None:
    prepare = {"pause": launch, "resume": pause, "cancel": launch}.get(verb)
    if prepare:
        prepare(campaign)
    key = make_key(app, "campaigns:write")
    path = f"/v2.1/campaigns/{campaign.pk}/{verb}"
    assert client.post(path, headers={"Authorization": f"Bearer {key}"}).status_code == 200
    done = {"launch": "scheduled", "pause": "paused", "resume": "resumed", "cancel": "cancelled"}[verb]
    assert AuditEntry.objects.filter(action=f"campaign.{done}", actor__startswith="key:hg_live_").exists()


def test_the_emergency_stop_leaves_both(client: Client, app: App) -> None:
    client.force_login(make_user(app, role="owner"))
    client.post("/admin/sending-stop/", {"do": "stop", "scope": "marketing", "reason": "x"})
    client.post("/admin/sending-stop/", {"do": "resume", "scope": "marketing"})
    assert list(AuditEntry.objects.order_by("id").values_list("action", flat=True)) == [
        "sending.stopped",
        "sending.resumed",
    ]
