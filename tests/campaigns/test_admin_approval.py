"""Four eyes on screen: ask from Review, see exactly what will be sent, answer; and the count that is typed."""

from datetime import timedelta
from html import unescape

import pytest
from django.test import Client
from django.utils import timezone

from apps.accounts.models import App, User
from apps.campaigns.admin_since import since_approval
from apps.campaigns.models import Approval, Campaign, Variant
from apps.campaigns.services.approvals import approve, request_approval, withdraw
from apps.campaigns.services.launch import launch_due
from apps.customers.models import Customer
from apps.deliveries.rendering.analysis import FIELDS
from apps.sms_booster.models import BoostRule
from tests.factories import make_app, make_channel, make_people, make_ready_campaign, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def app() -> App:
    return make_app(approve_above=5, confirm_above=5)


@pytest.fixture
def campaign(app: App) -> Campaign:
    texts = {"en": {"title": "Hello", "body": "Come and see."}, "pl": {"title": "Cześć", "body": "Zobacz."}}
    return make_ready_campaign(app, people=10, texts=texts)


@pytest.fixture
def mary(app: App) -> User:
    return make_user(app, role="marketer", username="mary")


@pytest.fixture
def approver(client: Client, app: App) -> Client:
    client.force_login(make_user(app, role="approver"))
    return client


@pytest.fixture
def marketer(app: App, mary: User) -> Client:
    client = Client()
    client.force_login(mary)
    return client


@pytest.fixture
def asked(campaign: Campaign, mary: User) -> Approval:
    return request_approval(campaign=campaign, version=1, actor=mary, note="Please look", now=timezone.now())


def page_of(campaign: Campaign, name: str = "change") -> str:
    return f"/admin/campaigns/campaign/{campaign.pk}/{name}/"


def answer(client: Client, asked: Approval, verb: str, **sent: str) -> Campaign:
    fields = {"approval": str(asked.pk), "fingerprint": asked.fingerprint, "comment": "seen", **sent}
    assert client.post(page_of(asked.campaign, verb), fields).status_code == 200
    return Campaign.objects.get(pk=asked.campaign_id)


def test_review_asks_instead_of_launching(marketer: Client, campaign: Campaign) -> None:
    shown = marketer.get(page_of(campaign, "review")).content.decode()
    assert "Ask for approval" in shown
    assert page_of(campaign, "launch") not in shown
    sent = {"version": 1, "shown": "10", "typed": "10", "note": "Please"}
    assert "HX-Redirect" in marketer.post(page_of(campaign, "ask"), sent).headers
    assert (Campaign.objects.get().state, Approval.objects.get().note) == ("awaiting_approval", "Please")


AFTER_A_YES = {
    "now": "It goes out as soon as they do.",
    "at": "It goes out at its time, if they have said yes by then.",
    "repeat": "One yes holds for every time; a time that comes before the yes is left out.",
}


@pytest.mark.parametrize("timing", AFTER_A_YES)
def test_review_says_what_a_yes_will_do(timing: str, marketer: Client, campaign: Campaign) -> None:
    at = timezone.now() + timedelta(days=2) if timing == "at" else None
    Campaign.objects.update(timing=timing, scheduled_at=at, repeat_every="daily")
    shown = marketer.get(page_of(campaign, "review")).content.decode()
    assert [said for said in AFTER_A_YES if AFTER_A_YES[said] in shown] == [timing]


def test_the_launch_door_refuses_it_with_the_reason(marketer: Client, campaign: Campaign) -> None:
    shown = marketer.post(page_of(campaign, "launch"), {"version": 1, "shown": "10", "typed": "10"}).content.decode()
    assert "somebody else has to approve it" in shown
    assert Campaign.objects.get().state == "draft"


def test_an_approver_sees_all_of_it_and_says_yes(approver: Client, asked: Approval) -> None:
    shown = approver.get(page_of(asked.campaign)).content.decode()
    for words in ("Come and see.", "Zobacz.", "Polish", "Please look", "mary asks to send it to 10 people"):
        assert words in shown
    assert answer(approver, asked, "approve").state == "scheduled"
    assert launch_due(timezone.now()) == 1
    afterwards = approver.get(page_of(asked.campaign)).content.decode()
    asked.refresh_from_db()
    assert (f"by {asked.decider}" in afterwards, "asked for by mary, for 10 people" in afterwards) == (True, True)


# Every field that contents may have: one more has to be shown, too.
WHOLE = {
    "title": "Hello",
    "subtitle": "Only today",
    "body": "Come and see.",
    "image_url": "https://shop.example/i.png",
    "link": "https://shop.example/sale",
    "buttons": [{"id": "b1", "label": "Buy", "link": "https://shop.example/buy", "icon": "https://shop.example/b.png"}],
    "link_tags": {"utm_source": "hg", "utm_medium": "push", "utm_campaign": "spring"},
    "counts_clicks": True,
    "data": {"sku": "4711"},
    "badge": 0,
    "sound": "ping.caf",
    "silent": True,
    "urgency": "normal",
    "collapse_key": "weekly-offer",
    "android_channel": "offers",
    "interruption_level": "passive",
    "android_icon": "ic_parcel",
    "lock_screen": "secret",
}
IN_WORDS = {
    "link_tags": "utm_campaign=spring",
    "counts_clicks": "Clicks in browsers counted",
    "buttons": "Buy → https://shop.example/buy (with the picture https://shop.example/b.png)",
    "data": "sku = 4711",
    "badge": '<dd class="ap-break">0</dd>',
    "silent": "Silent: for the app, not for eyes",
    "urgency": "when convenient",
    "lock_screen": "On a locked Android",
}


def test_an_approver_sees_whatever_will_be_sent(approver: Client, campaign: Campaign, mary: User) -> None:
    assert set(WHOLE) == set(FIELDS)
    campaign.variants.update(texts={"en": WHOLE})
    boost = {"is_enabled": True, "text": "Last day. STOP to end", "max_messages": 5, "wait_minutes": 60}
    BoostRule.objects.create(campaign=campaign, **boost)
    make_channel(campaign.app, gateway="sms")
    request_approval(campaign=campaign, version=1, actor=mary, note="", now=timezone.now())
    shown = unescape(approver.get(page_of(campaign)).content.decode())
    missing = [name for name, value in WHOLE.items() if IN_WORDS.get(name, str(value)) not in shown]
    assert (missing, "Last day. STOP to end" in shown) == ([], True)


def test_a_push_for_the_app_alone_is_shown_without_a_title(approver: Client, campaign: Campaign, mary: User) -> None:
    campaign.variants.update(texts={"en": {"silent": True, "data": {"sku": "4711"}}})
    request_approval(campaign=campaign, version=1, actor=mary, note="", now=timezone.now())
    shown = approver.get(page_of(campaign)).content.decode()
    assert ("sku = 4711" in shown, "Your title" in shown) == (True, False)


def test_who_may_answer_is_told_how_many_wait(approver: Client, asked: Approval, app: App, marketer: Client) -> None:
    home = approver.get("/admin/")
    assert [one.pk for one in home.context["to_approve"]] == [asked.pk]
    assert "1 campaign waits for your yes or no" in home.content.decode()
    elsewhere = "/admin/segments/segment/"
    assert "sidebar-badge" in approver.get(elsewhere).content.decode()
    Approval.objects.update(requested_by=User.objects.get(groups__name="approver"))
    assert "sidebar-badge" not in approver.get(elsewhere).content.decode()
    assert "to_approve_count" not in marketer.get("/admin/").context


def test_people_are_called_by_their_full_names(approver: Client, asked: Approval, mary: User) -> None:
    User.objects.filter(pk=mary.pk).update(first_name="Mary", last_name="Stone")
    assert "Mary Stone asks to send it" in approver.get(page_of(asked.campaign)).content.decode()
    User.objects.exclude(pk=mary.pk).update(first_name="Paul", last_name="Reed")
    assert answer(approver, asked, "refuse").launch_problem == "Paul Reed did not approve it: seen"


def test_an_approver_says_no_with_a_comment(approver: Client, asked: Approval) -> None:
    campaign = answer(approver, asked, "refuse", comment="wrong price")
    assert (campaign.state, "wrong price" in campaign.launch_problem) == ("draft", True)


def test_a_page_that_showed_something_else_approves_nothing(approver: Client, asked: Approval) -> None:
    assert answer(approver, asked, "approve", fingerprint="0" * 64).state == "draft"


def test_who_asked_sees_no_buttons_and_gets_no_way_round(asked: Approval, app: App) -> None:
    owner = make_user(app, role="owner")
    withdraw(campaign=asked.campaign, actor=owner, now=timezone.now())
    own = request_approval(campaign=asked.campaign, version=1, actor=owner, note="", now=timezone.now())
    client = Client()
    client.force_login(owner)
    assert page_of(own.campaign, "approve") not in client.get(page_of(own.campaign)).content.decode()
    assert answer(client, own, "approve").state == "awaiting_approval"


def test_a_marketer_may_take_it_back_but_not_answer(marketer: Client, asked: Approval) -> None:
    shown = marketer.get(page_of(asked.campaign)).content.decode()
    assert page_of(asked.campaign, "approve") not in shown
    assert marketer.post(page_of(asked.campaign, "approve")).status_code == 403
    assert "HX-Redirect" in marketer.post(page_of(asked.campaign, "withdraw")).headers
    assert Campaign.objects.get().state == "draft"


def test_what_changed_since_the_last_yes_is_named(approver: Client, asked: Approval, mary: User, app: App) -> None:
    now = timezone.now()
    paul = make_user(app, role="approver")
    approve(approval=asked, fingerprint=asked.fingerprint, actor=paul, comment="", now=now)
    make_people(app, 1)
    Variant.objects.update(texts={"en": {"title": "Hello", "body": "Changed."}})
    assert launch_due(timezone.now()) == 0
    request_approval(campaign=asked.campaign, version=1, actor=mary, note="", now=timezone.now())
    shown = approver.get(page_of(asked.campaign)).content.decode()
    assert "Changed since the last yes" in shown
    assert "Message A, English, Message" in shown
    assert "Come and see." in shown


def test_a_count_that_changed_is_asked_for_again(marketer: Client, app: App) -> None:
    app.approve_above = None
    app.save()
    campaign = make_ready_campaign(app, people=10)
    sent = {"version": 1, "shown": "9", "typed": "9"}
    shown = marketer.post(page_of(campaign, "launch"), sent).content.decode()
    assert "9 people then, 10 now" in shown
    assert Campaign.objects.get(pk=campaign.pk).state == "draft"


def test_launching_twice_says_that_it_is_launched(marketer: Client, app: App) -> None:
    """Its people are capped by its own first launch; that is not what the second click has to hear."""
    App.objects.update(approve_above=None, cap_count=1)
    campaign = make_ready_campaign(app, people=10)
    sent = {"version": 1, "shown": "10", "typed": "10"}
    assert "HX-Redirect" in marketer.post(page_of(campaign, "launch"), sent).headers
    again = marketer.post(page_of(campaign, "launch"), sent).content.decode()
    assert "was launched or scheduled meanwhile" in again
    assert "audience has changed" not in again


def test_the_report_says_what_differs_from_what_was_approved(approver: Client, asked: Approval) -> None:
    one, *_others = asked.campaign.include_segments.get().memberships.order_by("pk")
    answer(approver, asked, "approve")
    Customer.objects.filter(pk=one.customer_id).update(push_consent=False)
    launch_due(timezone.now())
    shown = approver.get(page_of(asked.campaign)).content.decode()
    assert "Different from what was approved" in shown
    launched = Campaign.objects.select_related("dispatch").get(pk=asked.campaign_id)
    told = [(str(one.name), one.before, one.now, one.change) for one in since_approval(launched)]
    assert told == [("Said no to push", 0, 1, "+1"), ("Will receive", 10, 9, "−1")]
