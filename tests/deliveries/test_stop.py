"""The emergency stop: one row holds everything, and taking it away goes on where it was."""

import pytest
from django.test import Client

from apps.accounts.models import App, AuditEntry
from apps.core.problems import InvalidInput
from apps.deliveries.models import Delivery, Dispatch
from apps.deliveries.pace_story import pace_story
from apps.deliveries.services.release import is_lane_due
from apps.deliveries.services.stop import is_stopped, resume_sending, stop_sending
from tests.deliveries.conftest import Worker
from tests.deliveries.phones import Phones
from tests.factories import NOW, make_app, make_channel, make_dispatch, make_people, make_user

pytestmark = pytest.mark.django_db(transaction=True)
PAGE = "/admin/sending-stop/"


@pytest.fixture
def app() -> App:
    app = make_app()
    make_channel(app)
    make_people(app, 3)
    return app


def stop(scope: str = "marketing") -> bool:
    return stop_sending(scope=scope, reason="wrong price", actor="olga", now=NOW)


def resume(scope: str = "marketing") -> bool:
    return resume_sending(scope=scope, actor="olga", now=NOW)


def test_nothing_leaves_while_it_is_on_and_all_of_it_afterwards(app: App, phones: Phones, run_lane: Worker) -> None:
    dispatch = make_dispatch(app)
    stop()
    assert not is_lane_due(lane="bulk", now=NOW)
    run_lane()
    assert (len(phones.inbox), Delivery.objects.count()) == (0, 0)
    assert Dispatch.objects.get(pk=dispatch.pk).state == "sending"
    resume()
    run_lane()
    assert len(phones.inbox) == 3


def test_what_a_person_paused_stays_paused(app: App, phones: Phones, run_lane: Worker) -> None:
    dispatch = make_dispatch(app)
    Dispatch.objects.update(state="paused", reason="by mary")
    stop()
    resume()
    run_lane()
    assert (Dispatch.objects.get(pk=dispatch.pk).state, phones.inbox) == ("paused", [])


@pytest.mark.parametrize(("scope", "arrived"), [("marketing", 3), ("transactional", 0)])
def test_transactional_messages_have_a_switch_of_their_own(
    scope: str, arrived: int, app: App, phones: Phones, run_lane: Worker
) -> None:
    make_dispatch(app, kind="transactional")
    stop(scope)
    run_lane()
    assert len(phones.inbox) == arrived


def test_a_slice_is_not_opened_after_the_stop(app: App, phones: Phones, run_lane: Worker) -> None:
    """A batch that a worker holds already stops at its next slice."""
    make_people(app, 400)
    make_dispatch(app)
    phones.meanwhile = stop
    run_lane()
    assert 0 < len(phones.inbox) < 403


def test_stopping_twice_is_one_stop_with_its_first_reason() -> None:
    assert (stop(), stop()) == (True, False)
    assert (resume(), resume()) == (True, False)
    assert list(AuditEntry.objects.order_by("id").values_list("action", "subject")) == [
        ("sending.stopped", "sending:marketing"),
        ("sending.resumed", "sending:marketing"),
    ]


def test_a_stop_says_why() -> None:
    with pytest.raises(InvalidInput):
        stop_sending(scope="marketing", reason=" ", actor="olga", now=NOW)
    assert not is_stopped("campaign")


def test_a_campaign_on_its_way_says_why_it_stands_still(app: App) -> None:
    dispatch = make_dispatch(app)
    stop()
    story = pace_story(dispatch, now=NOW)
    assert story is not None
    assert (story.kind, "olga" in story.text, "wrong price" in story.text) == ("stopped_for_all", True, True)


def test_every_page_says_that_it_is_on(client: Client, app: App) -> None:
    client.force_login(make_user(app, role="analyst"))
    assert "hg-stop-bar" not in client.get("/admin/").content.decode()
    stop()
    for page in ("/admin/", "/admin/campaigns/campaign/", "/admin/customers/customer/", "/admin/deliveries/log/"):
        shown = client.get(page).content.decode()
        assert "wrong price" in shown
        assert PAGE not in shown


def test_an_owner_turns_it_on_and_off_on_its_page(client: Client, app: App) -> None:
    client.force_login(make_user(app, role="owner"))
    assert "Stop all marketing now" in client.get(PAGE).content.decode()
    client.post(PAGE, {"do": "stop", "scope": "marketing", "reason": "wrong price"})
    assert is_stopped("campaign")
    client.post(PAGE, {"do": "resume", "scope": "marketing"})
    assert not is_stopped("campaign")


def test_transactional_messages_stop_only_when_the_word_is_typed(client: Client, app: App) -> None:
    client.force_login(make_user(app, role="owner"))
    asked = {"do": "stop", "scope": "transactional", "reason": "codes of somebody else"}
    assert client.post(PAGE, {**asked, "word": "stop"}).status_code == 400
    assert not is_stopped("transactional")
    client.post(PAGE, {**asked, "word": "STOP"})
    assert is_stopped("transactional")


@pytest.mark.parametrize("role", ["marketer", "approver", "developer", "analyst"])
def test_nobody_else_opens_the_page(role: str, client: Client, app: App) -> None:
    client.force_login(make_user(app, role=role))
    answers = [client.get(PAGE), client.post(PAGE, {"do": "stop", "scope": "marketing", "reason": "x"})]
    assert [answer.status_code for answer in answers] == [403, 403]
    assert not is_stopped("campaign")
