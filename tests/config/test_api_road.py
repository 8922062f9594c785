"""The API's short road: what a call meets, and what a screen under the same prefix still meets."""

import pytest
from django.test import Client


@pytest.mark.django_db
def test_a_call_of_the_api_keeps_what_stands_above_the_road():
    answer = Client().get("/v2.1/push", headers={"Accept-Language": "en"})

    assert answer.status_code == 401
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Length"] == str(len(answer.content))


@pytest.mark.django_db
def test_a_call_of_the_api_needs_no_session():
    answer = Client().get("/v2.1/push")

    assert not hasattr(answer.wsgi_request, "session")
    assert not answer.cookies


def test_a_page_under_the_prefix_keeps_the_policy_of_pages():
    assert "Content-Security-Policy" in Client().get("/v2.1/docs").headers


@pytest.mark.django_db
def test_a_path_that_is_none_is_told_so():
    assert Client().get("/v2.1/nothing").status_code == 404


def test_a_foreign_host_is_refused_on_the_short_road_too(settings):
    settings.ALLOWED_HOSTS = ["push.example"]

    assert Client().get("/v2.1/push", headers={"Host": "evil.example"}).status_code == 400
