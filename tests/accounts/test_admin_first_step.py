"""An empty list says what it is for, and offers the first step to whoever may take it."""

import re

import pytest
from django.test import Client

from apps.accounts.models import App
from tests.factories.accounts import make_app, make_user

pytestmark = pytest.mark.django_db
LIST = "/admin/campaigns/automation/"
BUTTON = 'data-kind="primary" href="/admin/campaigns/automation/add/">New automation'


@pytest.fixture
def app() -> App:
    return make_app()


def client_of(app: App, role: str) -> Client:
    client = Client()
    client.force_login(make_user(app, role=role))
    return client


def test_an_empty_list_offers_the_first_step(app: App) -> None:
    page = client_of(app, "marketer").get(LIST).content.decode()
    assert "a reminder an hour after a cart was left" in page
    assert BUTTON in page


def test_a_reader_is_told_but_not_offered(app: App) -> None:
    page = client_of(app, "analyst").get(LIST).content.decode()
    assert "No automations yet" in page
    assert BUTTON not in page


def test_a_list_is_called_by_its_name(app: App) -> None:
    page = client_of(app, "marketer").get(LIST).content.decode()
    assert re.search(r"<title>\s*Automations \|", page)
