"""The list of campaigns: whose, in which words, with which numbers."""

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from apps.accounts.models import App
from tests.factories import make_app, make_campaign, make_counted_dispatch, make_user

pytestmark = pytest.mark.django_db
LIST = "/admin/campaigns/campaign/"


@pytest.fixture
def app() -> App:
    return make_app()


@pytest.fixture
def marketer(client: Client, app: App) -> Client:
    client.force_login(make_user(app, role="marketer"))
    return client


def test_shows_the_campaigns_of_ones_own_apps_only(marketer: Client, app: App) -> None:
    make_campaign(app, name="Ours")
    make_campaign(make_app(), name="Theirs")
    page = marketer.get(LIST).content.decode()
    assert "Ours" in page
    assert "Theirs" not in page


def test_a_running_campaign_shows_what_its_sending_does(marketer: Client, app: App) -> None:
    make_campaign(app, state="launched", dispatch=make_counted_dispatch(app, state="paused"))
    assert "Paused" in marketer.get(LIST).content.decode()


def test_shows_sent_and_the_share_that_opened(marketer: Client, app: App) -> None:
    dispatch = make_counted_dispatch(app, planned_devices=250, counts={"accepted": 200, "opened": 30, "token_dead": 50})
    make_campaign(app, state="finished", dispatch=dispatch)
    page = marketer.get(LIST).content.decode()
    assert ">200<" in page
    assert "15 %" in page


def test_ten_rows_cost_as_many_queries_as_one(
    marketer: Client, app: App, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(10):
        make_campaign(
            app, state="finished", dispatch=make_counted_dispatch(app, planned_devices=1, counts={"accepted": 1})
        )
    with django_assert_max_num_queries(15):
        marketer.get(LIST)


def test_an_analyst_is_offered_no_new_campaign(client: Client, app: App) -> None:
    client.force_login(make_user(app, role="analyst"))
    assert "New campaign" not in client.get(LIST).content.decode()
