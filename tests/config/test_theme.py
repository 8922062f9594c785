"""The frame of the admin: its policy, its side bar, nothing from elsewhere."""

import re

import pytest
from django.test import Client

from tests.factories import make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff(client: Client) -> Client:
    client.force_login(make_user(is_superuser=True))
    return client


def script_sources(client: Client, address: str) -> str:
    policy = client.get(address).headers["Content-Security-Policy"]
    return next(part for part in policy.split("; ") if part.startswith("script-src"))


def test_only_the_admin_may_compile_scripts_from_text(client: Client) -> None:
    assert "'unsafe-eval'" in script_sources(client, "/admin/login/")
    assert "'unsafe-eval'" not in script_sources(client, "/nowhere")


def test_no_script_may_stand_in_the_page_itself_and_no_form_lead_elsewhere(client: Client) -> None:
    assert "'unsafe-inline'" not in script_sources(client, "/admin/login/")
    assert "form-action 'self'" in client.get("/admin/login/").headers["Content-Security-Policy"]


@pytest.mark.parametrize("address", ["/admin/login/", "/admin/"])
def test_a_page_asks_nothing_of_other_hosts(staff: Client, address: str) -> None:
    page = staff.get(address, follow=True).content.decode()
    assert re.findall(r"""(?:src|href)=["'](?:https?:)?//""", page) == []


def test_the_side_bar_shows_only_what_may_be_viewed(client: Client) -> None:
    client.force_login(make_user())
    page = client.get("/admin/").content.decode()
    assert "Dashboard" in page
    assert "/admin/accounts/" not in page


def test_what_is_not_there_is_said_kindly(staff: Client) -> None:
    answer = staff.get("/admin/campaigns/campaign/999999/change/")
    assert answer.status_code == 404
    assert "There is nothing here" in answer.content.decode()


def test_a_closed_door_says_so(client: Client) -> None:
    client.force_login(make_user())
    answer = client.get("/admin/deliveries/log/")
    assert answer.status_code == 403
    assert "Your role does not open this door" in answer.content.decode()
