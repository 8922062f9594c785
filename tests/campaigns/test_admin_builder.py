"""The builder: a draft saved while it is typed, problems in their places, and one button that sends."""

from datetime import UTC, datetime
from html import unescape
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from apps.accounts.models import App
from apps.campaigns.models import Campaign
from apps.campaigns.services.readiness import readiness_problems
from apps.customers.models import Topic
from apps.sms_booster.models import BoostRule
from tests.factories import (
    make_app,
    make_campaign,
    make_channel,
    make_customer,
    make_device,
    make_segment,
    make_user,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def app() -> App:
    return make_app(time_zone="Europe/Warsaw", confirm_above=1)


@pytest.fixture
def marketer(client: Client, app: App) -> Client:
    client.force_login(make_user(app, role="marketer"))
    return client


@pytest.fixture
def campaign(app: App) -> Campaign:
    return make_campaign(app, name="Spring")


@pytest.fixture
def ready(app: App, campaign: Campaign) -> Campaign:
    """A campaign to two people with a phone and one without."""
    make_channel(app)
    people = [make_customer(app) for _ in range(3)]
    for person in people[:2]:
        make_device(person)
    campaign.include_segments.add(make_segment(app, people))
    return campaign


def page_of(campaign: Campaign, name: str) -> str:
    return f"/admin/campaigns/campaign/{campaign.pk}/{name}/"


def typed(campaign: Campaign, **changes: Any) -> dict[str, Any]:
    """What the form sends when nothing was touched, with `changes`."""
    return {
        "version": campaign.version,
        "name": campaign.name,
        "platforms": ["ios", "android", "web"],
        "devices": "all",
        "timing": "now",
        "pace": "full",
        "expire_value": "24",
        "expire_unit": "hours",
        "respects_quiet_hours": "on",
        "respects_cap": "on",
        "text-en-title": "Hello",
        "text-en-body": "Come and see.",
        "booster-wait_minutes": "120",
        "booster-wait_unit": "minutes",
        "booster-max_messages": "1000",
        "booster-price_per_part": "0",
        **changes,
    }


def save(client: Client, campaign: Campaign, **changes: Any) -> Any:
    return client.post(page_of(campaign, "save"), typed(campaign, **changes), headers={"HX-Request": "true"})


def stored(campaign: Campaign) -> Campaign:
    return Campaign.objects.get(pk=campaign.pk)


def test_a_name_is_enough_to_begin(marketer: Client, app: App) -> None:
    answer = marketer.post("/admin/campaigns/campaign/add/", {"name": "Autumn", "app": app.pk}, follow=True)
    assert Campaign.objects.get().name == "Autumn"
    assert 'id="builder"' in answer.content.decode()


def test_nothing_touched_stores_nothing(marketer: Client, campaign: Campaign) -> None:
    assert save(marketer, campaign).status_code == 200
    assert stored(campaign).version == 1


def test_a_topic_is_chosen_among_the_apps(marketer: Client, campaign: Campaign) -> None:
    Topic.objects.create(app=campaign.app, key="offers", name="Offers")
    save(marketer, campaign, topic="offers")
    assert stored(campaign).topic == "offers"
    answer = save(marketer, stored(campaign), topic="nonsense")
    assert (answer.status_code, stored(campaign).topic) == (200, "offers")


def test_a_topic_that_is_gone_stops_the_launch(campaign: Campaign) -> None:
    campaign.topic = "offers"
    assert ("/topic", "unknown_topic") in [
        (problem.pointer, problem.code) for problem in readiness_problems(campaign, timezone.now())
    ]


def test_a_draft_is_thrown_away_by_its_name(marketer: Client, campaign: Campaign) -> None:
    question = marketer.get(page_of(campaign, "delete")).content.decode()
    assert "Spring" in question
    assert "Variant object" not in question
    marketer.post(page_of(campaign, "delete"), {"post": "yes"})
    assert not Campaign.objects.exists()


def test_what_is_typed_is_stored(marketer: Client, campaign: Campaign, app: App) -> None:
    segment = make_segment(app)
    save(marketer, campaign, **{"name": "Summer", "include": [segment.pk], "text-en-title": "Sun"})
    saved = stored(campaign)
    assert (saved.name, saved.version, list(saved.include_segments.all())) == ("Summer", 2, [segment])
    assert saved.variants.get().texts["en"] == {"title": "Sun", "body": "Come and see."}


def test_the_slower_editor_is_told_and_overwrites_nothing(marketer: Client, campaign: Campaign) -> None:
    save(marketer, campaign, name="First")
    answer = save(marketer, campaign, name="Second")
    assert answer.status_code == 409
    assert "Somebody else is editing" in answer.content.decode()
    assert stored(campaign).name == "First"


def test_one_wrong_field_does_not_hold_up_the_others(marketer: Client, campaign: Campaign) -> None:
    answer = save(marketer, campaign, name="Kept", pace="steady", throttle_per_second="fast")
    assert (stored(campaign).name, stored(campaign).throttle_per_second) == ("Kept", None)
    assert "Enter a number" in answer.content.decode()


def test_a_time_is_read_on_the_apps_clock(marketer: Client, campaign: Campaign) -> None:
    answer = save(marketer, campaign, timing="at", scheduled_at="2027-01-15T09:30")
    assert stored(campaign).scheduled_at == datetime(2027, 1, 15, 8, 30, tzinfo=UTC)
    assert "08:30 UTC" in answer.content.decode()


def test_an_hour_that_a_clock_change_skips_is_later_by_the_gap(marketer: Client, campaign: Campaign) -> None:
    answer = save(marketer, campaign, timing="at", scheduled_at="2027-03-28T02:30")
    assert stored(campaign).scheduled_at == datetime(2027, 3, 28, 1, 30, tzinfo=UTC)
    assert "02:30 does not exist on that day in Europe/Warsaw (clocks go forward): it is 03:30" in said(answer)


def test_an_hour_that_comes_twice_is_its_first_and_said_so(marketer: Client, campaign: Campaign) -> None:
    answer = save(marketer, campaign, timing="at", scheduled_at="2027-10-31T02:30")
    assert stored(campaign).scheduled_at == datetime(2027, 10, 31, 0, 30, tzinfo=UTC)
    assert "02:30 comes twice" in said(answer)


def test_each_persons_clock_is_stored_and_its_span_said(marketer: Client, campaign: Campaign) -> None:
    local = {"timing": "at", "scheduled_at": "2027-01-15T09:30", "clock": "each", "missed_hour": "next_day"}
    answer = save(marketer, campaign, **local)
    assert (stored(campaign).clock, stored(campaign).missed_hour) == ("each", "next_day")
    assert "From Thu 14 Jan, 20:30 in the first zone to Fri 15 Jan, 22:30 in the last" in said(answer)


def said(answer: HttpResponse) -> str:
    return unescape(answer.content.decode())


def test_buttons_close_up_and_keep_their_ids(marketer: Client, campaign: Campaign) -> None:
    both = {"text-en-button0_id": "b1", "text-en-button0_label": "", "text-en-button2_id": "b3"}
    save(marketer, campaign, **both, **{"text-en-button2_label": "Buy", "text-en-button2_link": "https://a.example"})
    buttons = stored(campaign).variants.get().texts["en"]["buttons"]
    assert buttons == [{"id": "b3", "label": "Buy", "link": "https://a.example"}]


def test_fields_this_page_does_not_know_survive(marketer: Client, app: App) -> None:
    campaign = make_campaign(app, texts={"en": {"title": "Hello", "body": "Come and see.", "sound": "bell"}})
    save(marketer, campaign, **{"text-en-title": "Hi"})
    assert stored(campaign).variants.get().texts["en"]["sound"] == "bell"


def test_a_language_can_be_added_and_removed(marketer: Client, campaign: Campaign, app: App) -> None:
    make_customer(app, language="fr")
    languages = page_of(campaign, "languages")
    assert "text-fr-title" in marketer.post(languages, typed(campaign, add="fr")).content.decode()
    assert set(stored(campaign).variants.get().texts) == {"en", "fr"}
    marketer.post(languages, typed(stored(campaign), remove="fr"))
    assert set(stored(campaign).variants.get().texts) == {"en"}


def test_the_preview_reads_as_the_person_does(marketer: Client, campaign: Campaign, app: App) -> None:
    make_customer(app, external_id="c-ada", first_name="Ada")
    text = 'Hi {{ first_name | default: "you" }}'
    known = save(marketer, campaign, **{"text-en-title": text, "preview_customer": "c-ada"})
    assert "Hi Ada" in known.content.decode()
    assert "Hi you" in save(marketer, stored(campaign), **{"text-en-title": text}).content.decode()


def test_a_problem_stands_beside_its_field(marketer: Client, campaign: Campaign) -> None:
    page = save(marketer, campaign, **{"text-en-body": "Hello {{ nickname }}"}).content.decode()
    slot = page.split('id="problems-text-en-body"')[1].split("</div>")[0]
    assert "nickname" in slot


def test_what_is_not_written_yet_waits_for_the_first_review(marketer: Client, campaign: Campaign) -> None:
    blank = {"text-en-title": ""}
    assert "Nothing is written here yet" not in save(marketer, campaign, **blank).content.decode()
    reviewed = save(marketer, stored(campaign), **blank, reviewed="1")
    assert "Nothing is written here yet" in reviewed.content.decode()


def test_the_counter_names_who_is_left_out(marketer: Client, ready: Campaign) -> None:
    page = marketer.get(page_of(ready, "audience")).content.decode()
    numbers = [part.split("</dd>")[0] for part in page.split("<dd>")[1:]]
    assert numbers == ["3", "2", "2"]
    assert "No device to reach" in page


def test_the_booster_is_saved_with_the_draft(marketer: Client, campaign: Campaign) -> None:
    changes = {"booster-is_enabled": "on", "booster-text": "Zażółć", "booster-wait_minutes": "3"}
    page = save(marketer, campaign, **changes, **{"booster-wait_unit": "hours"}).content.decode()
    rule = BoostRule.objects.get()
    assert (rule.is_enabled, rule.wait_minutes, stored(campaign).version) == (True, 180, 2)
    assert "1 SMS part" in page


def test_review_lists_what_is_missing_with_its_step(marketer: Client, campaign: Campaign) -> None:
    page = marketer.get(page_of(campaign, "review")).content.decode()
    assert 'data-jump="audience"' in page
    assert "Launch to" not in page


def test_review_counts_who_would_see_a_gap(marketer: Client, ready: Campaign) -> None:
    ready.variants.update(texts={"en": {"title": "Hi", "body": "Dear {{ last_name }}"}})
    assert "3 of 3 people have no “last_name”" in marketer.get(page_of(ready, "review")).content.decode()


def test_a_broken_segment_is_said_where_its_people_would_be_counted(marketer: Client, ready: Campaign) -> None:
    ready.include_segments.update(state="broken", broken_reason="no trait city")
    assert "no trait city" in marketer.get(page_of(ready, "review")).content.decode()


def test_launching_needs_the_number_typed(marketer: Client, ready: Campaign) -> None:
    sent = {"version": 1, "shown": 2, "typed": "3"}
    assert "Type the number" in marketer.post(page_of(ready, "launch"), sent).content.decode()
    assert stored(ready).state == "draft"


def test_the_right_number_launches(marketer: Client, ready: Campaign) -> None:
    answer = marketer.post(page_of(ready, "launch"), {"version": 1, "shown": 2, "typed": "2"})
    assert answer.headers["HX-Redirect"] == page_of(ready, "change")
    assert stored(ready).state == "launched"
    assert stored(ready).dispatch.planned_people == 3  # type: ignore[union-attr]


def test_what_was_changed_since_review_is_not_launched(marketer: Client, ready: Campaign) -> None:
    save(marketer, ready, name="Changed", include=[segment.pk for segment in ready.include_segments.all()])
    answer = marketer.post(page_of(ready, "launch"), {"version": 1, "shown": 2, "typed": "2"})
    assert "Somebody changed the campaign" in answer.content.decode()
    assert stored(ready).state == "draft"


@pytest.mark.parametrize("button", ["launch", "ask"])
def test_what_was_typed_and_could_not_be_saved_does_not_go_out_as_it_was(
    button: str, marketer: Client, ready: Campaign
) -> None:
    sent = typed(ready, reviewed="1", include=[segment.pk for segment in ready.include_segments.all()])
    wrong = {**sent, "booster-wait_minutes": "-5", "shown": 2}
    reviewed = marketer.post(page_of(ready, "review"), wrong).content.decode()
    assert ("1 thing before it can go out" in reviewed, "SMS Booster · Wait" in reviewed) == (True, True)
    assert ("Ready to go" in reviewed, "data-launch" in reviewed) == (False, False)
    refused = marketer.post(page_of(ready, button), {**wrong, "typed": "2"}).content.decode()
    assert "could not be saved, so nothing was sent" in refused
    assert stored(ready).state == "draft"
    assert "Ready to go" in marketer.post(page_of(ready, "review"), sent).content.decode()


def test_who_may_not_change_may_look(client: Client, app: App, campaign: Campaign) -> None:
    client.force_login(make_user(app, role="analyst"))
    assert client.get(page_of(campaign, "change")).status_code == 200
    assert save(client, campaign, name="No").status_code == 403


def test_campaigns_of_other_apps_do_not_exist(marketer: Client) -> None:
    other = make_campaign(make_app())
    answers = [marketer.get(page_of(other, name)).status_code for name in ("change", "audience", "review")]
    assert answers == [404, 404, 404]
    assert save(marketer, other, name="Mine").status_code == 404


def test_a_get_changes_nothing(marketer: Client, campaign: Campaign) -> None:
    assert marketer.get(page_of(campaign, "save")).status_code == 405
    assert marketer.get(page_of(campaign, "launch")).status_code == 405


def test_an_added_button_stays_before_it_has_a_name(marketer: Client, campaign: Campaign) -> None:
    save(marketer, campaign, **{"text-en-button0_id": "b1", "text-en-button0_open": "1"})
    assert campaign.variants.get().texts["en"]["buttons"] == [{"id": "b1", "label": ""}]
    page = marketer.get(f"/admin/campaigns/campaign/{campaign.pk}/change/").content.decode()
    assert page.split("data-places")[1].count("data-place hidden") == 2


def test_what_one_platform_alone_shows_is_offered_kept_and_previewed(marketer: Client, campaign: Campaign) -> None:
    icon = {
        "text-en-button0_id": "b1",
        "text-en-button0_label": "Go",
        "text-en-button0_icon": "https://x.example/i.png",
    }
    phone = {"push-sent": "1", "push-android_icon": "ic_parcel", "push-lock_screen": "private"}
    shown = save(marketer, campaign, **icon, **phone, **{"text-en-subtitle": "Only today"}).content.decode()
    assert 'class="hg-ios-subtitle" dir="auto">Only today' in shown
    assert "Contents hidden" in shown
    text = campaign.variants.get().texts["en"]
    assert text["buttons"] == [{"id": "b1", "label": "Go", "icon": "https://x.example/i.png"}]
    assert (text["subtitle"], text["android_icon"], text["lock_screen"]) == ("Only today", "ic_parcel", "private")
    fresh = Campaign.objects.get(pk=campaign.pk)
    assert not [one for one in readiness_problems(fresh, timezone.now()) if one.pointer.startswith("/variants")]


def test_a_page_of_before_a_field_takes_nothing_away(marketer: Client, campaign: Campaign) -> None:
    button = {"id": "b1", "label": "Go", "icon": "https://x.example/i.png"}
    kept = {"subtitle": "c", "android_icon": "ic_parcel", "lock_screen": "secret", "data": {"sku": "1"}}
    campaign.variants.update(texts={"en": {"title": "a", "body": "b", "buttons": [button], "sound": "a.caf", **kept}})
    sent = {"text-en-button0_id": "b1", "text-en-button0_label": "Now", "push-sent": "1", "push-sound": ""}
    save(marketer, campaign, **sent)
    text = campaign.variants.get().texts["en"]
    assert ({name: text.get(name) for name in kept}, text["buttons"]) == (kept, [{**button, "label": "Now"}])
    assert "sound" not in text


def test_settings_of_the_push_hold_for_every_language(marketer: Client, campaign: Campaign) -> None:
    variant = campaign.variants.get()
    variant.texts = {"en": {"title": "a", "body": "b", "badge": 4}, "pl": {"title": "c", "body": "d"}}
    variant.save()
    pl = {"text-pl-title": "c", "text-pl-body": "d"}
    sent = {"push-sent": "1", "push-sound": "ping.caf", "push-silent": "on", "push-badge": "0", **pl}
    save(marketer, campaign, **sent)
    variant.refresh_from_db()
    for text in variant.texts.values():
        assert (text["sound"], text["silent"], text["badge"]) == ("ping.caf", True, 0)
    campaign.refresh_from_db()
    save(marketer, campaign, **{"push-sent": "1", "push-sound": "no good", "push-badge": "", **pl})
    variant.refresh_from_db()
    assert variant.texts["pl"]["sound"] == "ping.caf"
    assert not {"silent", "badge"} & variant.texts["en"].keys()


def test_data_for_the_app_hold_for_every_language_or_not_at_all(marketer: Client, campaign: Campaign) -> None:
    campaign.variants.update(texts={"en": {"title": "a", "body": "b"}, "pl": {"title": "c", "body": "d"}})
    pl = {"text-pl-title": "c", "text-pl-body": "d"}
    two = {"data-0_key": "sku", "data-0_value": "4711", "data-1_key": "", "data-1_value": "", "data-2_key": "who"}
    save(marketer, campaign, **pl, **two, **{"data-2_value": "{{ first_name }}"})
    both = [text["data"] for text in campaign.variants.get().texts.values()]
    assert both == [{"sku": "4711", "who": "{{ first_name }}"}] * 2
    wrong = {"aps": "is reserved by the gateways", "sku": "stands above already", "": "that your developers know"}
    for key, said in wrong.items():
        sent = {**pl, **two, "data-2_key": key, "data-2_value": "x"}
        answer = unescape(save(marketer, stored(campaign), **sent).content.decode())
        assert said in answer.partition('id="problems-data-2_key"')[2].partition("</div>")[0].lower()
    assert campaign.variants.get().texts["pl"]["data"] == both[0]
    save(marketer, stored(campaign), **pl, **dict.fromkeys(two, ""))
    assert not [text for text in campaign.variants.get().texts.values() if "data" in text]


def test_a_text_of_several_lines_for_the_app_stays_so(marketer: Client, campaign: Campaign) -> None:
    """Browsers take the breaks out of a field of one line."""
    campaign.variants.update(texts={"en": {"title": "a", "body": "b", "data": {"json": '{\r\n"a": 1\n}'}}})
    save(
        marketer, campaign, **{"data-0_key": "json", "data-0_value": '{"a": 1}', "data-1_key": "n", "data-1_value": "2"}
    )
    assert campaign.variants.get().texts["en"]["data"] == {"json": '{\r\n"a": 1\n}', "n": "2"}


def test_a_page_without_settings_changes_none(marketer: Client, campaign: Campaign) -> None:
    campaign.variants.update(texts={"en": {"title": "a", "body": "b", "sound": "ping.caf"}})
    save(marketer, campaign)
    assert campaign.variants.get().texts["en"]["sound"] == "ping.caf"


def test_link_settings_hold_for_every_text_and_show_in_the_preview(marketer: Client, campaign: Campaign) -> None:
    link = {"title": "a", "body": "b", "link": "https://shop.example/x?a=1"}
    campaign.variants.update(texts={"en": link, "pl": link})
    typed = {f"text-{language}-{name}": value for language in ("en", "pl") for name, value in link.items()}
    sent = {"links-sent": "1", "links-tags": "on", "links-utm_source": "hg", "links-counts_clicks": "on", **typed}
    answer = save(marketer, campaign, **sent, name="Spring sale")
    assert "https://shop.example/x?a=1&amp;utm_source=hg&amp;utm_campaign=spring-sale" in answer.content.decode()
    for text in campaign.variants.get().texts.values():
        assert text["link_tags"] == {"utm_source": "hg", "utm_medium": "", "utm_campaign": ""}
        assert text["counts_clicks"] is True
    campaign.refresh_from_db()
    save(marketer, campaign, **{"links-sent": "1", "links-utm_source": "hg", **typed})
    assert campaign.variants.get().texts["pl"] == link


def test_a_tag_that_is_too_long_stays_as_it_was(marketer: Client, campaign: Campaign) -> None:
    tags = {"utm_source": "hg", "utm_medium": "push", "utm_campaign": ""}
    campaign.variants.update(texts={"en": {"title": "a", "body": "b", "link_tags": tags}})
    sent = {"links-sent": "1", "links-tags": "on", "links-utm_source": "x" * 101, "links-utm_medium": "web"}
    save(marketer, campaign, **sent)
    assert campaign.variants.get().texts["en"]["link_tags"] == {**tags, "utm_medium": "web"}


def test_the_review_names_the_image(marketer: Client, app: App) -> None:
    url = "https://shop.example.com/spring.png"
    draft = make_campaign(app, texts={"en": {"title": "Hello", "body": "You", "image_url": url}})
    assert f"Image {url}" in marketer.get(page_of(draft, "review")).content.decode()


def test_what_could_not_be_stored_is_not_called_saved(marketer: Client, campaign: Campaign) -> None:
    sent = typed(campaign, expire_value="-5")
    said = marketer.post(page_of(campaign, "save"), sent, headers={"HX-Request": "true"}).content.decode()
    assert "One field is not saved" in said
    assert "<span>Saved" not in said
