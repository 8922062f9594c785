"""What holds for every call: who may, what a body is, how a refusal looks. Numbers are of bad-input.md, part A."""

import io
import json
import re
from datetime import timedelta

import pytest
from django.core.cache import cache
from django.core.handlers.wsgi import WSGIRequest
from django.db import OperationalError, connection
from django.test import RequestFactory
from django.utils import timezone

from apps.api import rate
from apps.api.models import ApiKey
from apps.api.services.keys import forget_trusted, revoke_api_key
from apps.api.urls import urlpatterns
from apps.api.views.events import EventsView
from tests.factories import make_app
from tests.factories.api import ApiCaller, codes_of, make_key
from tests.factories.webhooks import make_endpoint

pytestmark = pytest.mark.django_db
EVENTS = "/v2.1/events"
SEGMENTS = "/v2.1/segments"


def test_1_no_key(app):
    answer = ApiCaller("").post(EVENTS, {})
    assert (answer.status_code, answer.json()["code"]) == (401, "missing_api_key")
    assert "Authorization: Bearer" in answer.json()["detail"]
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize("header", ["Basic YTpi", "Bearer", "Token hg_live_x", "garbage"])
def test_2_another_scheme(app, header):
    answer = ApiCaller("").post(EVENTS, {}, Authorization=header)
    assert answer.status_code == 401
    assert answer.json()["code"] in ("bad_auth_scheme", "invalid_api_key")


def test_3_unknown_revoked_and_expired_keys_cannot_be_told_apart(app):
    revoked = make_key(app)
    revoke_api_key(key=ApiKey.objects.get(prefix=revoked[:16]), now=timezone.now())
    expired = make_key(app, expires_at=timezone.now() - timedelta(seconds=1))
    unknown = "hg_live_" + "x" * 43
    answers = [ApiCaller(key).post(EVENTS, {}).json() for key in (revoked, expired, unknown, "hg_live_short")]
    assert {answer["code"] for answer in answers} == {"invalid_api_key"}
    assert len({answer["detail"] for answer in answers}) == 1


def test_a_revoked_key_stops_once_trust_is_over(app):
    key = make_key(app)
    assert ApiCaller(key).post(EVENTS, {}).status_code == 400
    revoke_api_key(key=ApiKey.objects.get(prefix=key[:16]), now=timezone.now())
    forget_trusted()
    assert ApiCaller(key).post(EVENTS, {}).status_code == 401


def test_4_a_missing_scope_is_named(app):
    answer = ApiCaller(make_key(app, "devices:read")).post(EVENTS, {})
    assert (answer.status_code, answer.json()["code"]) == (403, "scope_required")
    assert answer.json()["detail"] == "scope_required: events:write"


def test_an_app_that_is_switched_off_answers_403(app, api):
    app.is_active = False
    app.save()
    assert api.post(EVENTS, {}).json()["code"] == "app_inactive"


@pytest.mark.parametrize("name", ["slug", "pk"])
def test_the_pair_of_messageflow_is_taken(app, name):
    headers = {"Authorization": make_key(app), "Application-Key": str(getattr(app, name))}
    assert ApiCaller("").post(EVENTS, {}, **headers).json()["code"] == "required"


def test_the_pair_must_belong_together(app):
    headers = {"Authorization": make_key(app), "Application-Key": make_app().slug}
    assert ApiCaller("").post(EVENTS, {}, **headers).json()["code"] == "invalid_api_key"


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin1"]
)
def test_6_another_content_type(api, kind):
    answer = api.post(EVENTS, "{}", content_type=kind)
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")
    assert "application/json" in answer.json()["detail"]


def test_a_compressed_body_is_refused(api):
    assert api.post(EVENTS, b"\x1f\x8b", Content_Encoding="gzip").status_code == 415


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "body_required"),
        (b"{", 400, "json_syntax"),
        (b"[]", 400, "object_expected"),
        (b'{"events": [], "events": []}', 400, "duplicate_key"),
        (b"\xff\xfe{\x00}\x00", 400, "encoding"),
        (rb'{"events": "\u0000"}', 400, "nul_not_allowed"),
        (b'{"a":' * 30, 400, "too_deep"),
        (b" " * (1024 * 1024 + 1), 413, "body_too_large"),
    ],
)
def test_7_to_16_bodies(api, body, status, code):
    answer = api.post(EVENTS, body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_18_an_unknown_field_gets_a_suggestion(api):
    answer = api.post("/v2.1/devices", {"platfrom": "ios"})
    unknown = next(error for error in answer.json()["errors"] if error["code"] == "unknown_field")
    assert unknown["pointer"] == "/platfrom"
    assert "platform" in unknown["message"]


def test_all_problems_are_told_at_once_but_at_most_fifty(api):
    answer = api.post("/v2.1/devices", {f"x{number}": 1 for number in range(60)})
    assert len(answer.json()["errors"]) == 50


def test_21_too_many_requests(api, settings):
    settings.API_REQUESTS_PER_MINUTE = 2
    rate.meter._counts.clear()
    cache.clear()  # what a key of the same number used in this minute
    answers = [api.post(EVENTS, {})]
    while answers[-1].status_code == 400 and len(answers) < 6:  # a minute may end meanwhile, and a new one begin
        answers.append(api.post(EVENTS, {}))
    *_, before, refused = answers
    assert (before.status_code, refused.status_code, answers[0].headers["RateLimit-Remaining"]) == (400, 429, "1")
    assert refused.json()["code"] == "rate_limited"
    assert 1 <= int(refused.headers["Retry-After"]) <= 60


@pytest.mark.parametrize("path", ["/v2.1/events", "/v2.1/devices"])
def test_23_another_method(api, path):
    answer = api.send("PUT", path, {})
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
    assert "POST" in answer.headers["Allow"]
    assert answer.json()["detail"].endswith(" POST")


@pytest.mark.parametrize(
    "path", ["/v2.1/", "/v2.1/nothing", "/v2.1/campaigns/1/nothing", "/v2.1/customers/%00", f"/v2.1{'/1' * 5000}"]
)
def test_24_unknown_paths_answer_json(api, path):
    answer = api.get(path)
    assert (answer.status_code, answer.headers["Content-Type"]) == (404, "application/problem+json")
    assert answer.json()["code"] == "unknown_path"


@pytest.mark.parametrize(
    ("path", "came"),
    [
        ("/v2.1/push/abc", "abc"),
        ("/v2.1/devices/99999999999999999999", "99999999999999999999"),
        ("/v2.1/campaigns/0/launch", "0"),
        ("/v2.1/campaigns/1/triggers/-1", "-1"),
        ("/v2.1/webhooks/", "empty"),
    ],
)
def test_24_an_id_that_is_no_whole_number_is_named(api, path, came):
    answer = api.get(path)
    assert answer.status_code == 404
    assert answer.json()["code"] == "not_found"
    assert answer.json()["detail"] == f"an id is a whole number from 1 to {2**63 - 1}, not {came}"


def test_an_unknown_parameter_is_refused(api):
    answer = api.get("/v2.1/devices/1?expand=all")
    assert (answer.status_code, answer.json()["code"]) == (400, "unknown_parameter")


def test_a_refusal_is_a_problem_with_everything_in_it(api):
    answer = api.post(EVENTS, {}, X_Request_ID="abc-123")
    problem = answer.json()
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert problem.keys() >= {"type", "title", "status", "code", "detail", "errors", "request_id"}
    assert problem["type"].endswith("/v2.1/docs/errors#required")
    assert problem["errors"] == [{"pointer": "/events", "code": "required", "message": problem["errors"][0]["message"]}]
    assert problem["request_id"] == answer.headers["X-Request-ID"] == "abc-123"


def test_a_request_id_that_could_forge_a_log_line_is_replaced(api):
    assert api.post(EVENTS, {}, X_Request_ID="a b").headers["X-Request-ID"] != "a b"


def test_a_browsers_preflight_needs_no_key():
    answer = ApiCaller("").send("OPTIONS", "/v2.1/devices")
    assert answer.status_code == 204
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


def test_other_calls_are_not_for_browsers(api):
    assert "Access-Control-Allow-Origin" not in api.post("/v2.1/customers", {}).headers


def test_what_a_scope_word_is_not_is_not_in_answers(api):
    """No secret is echoed."""
    answer = api.post(EVENTS, {"events": api.key})
    assert codes_of(answer) == {"type"}


def test_use_of_a_key_is_noted_at_most_once_a_minute(app):
    key = make_key(app)
    row = ApiKey.objects.get(prefix=key[:16])
    assert row.last_used_at is None
    ApiCaller(key).post(EVENTS, {})
    row.refresh_from_db()
    first = row.last_used_at
    forget_trusted()
    ApiCaller(key).post(EVENTS, {})
    row.refresh_from_db()
    assert first is not None
    assert row.last_used_at == first


def test_the_database_holds_no_usable_key(app):
    key = make_key(app)
    with connection.cursor() as cursor:
        cursor.execute("select to_jsonb(api_apikey)::text from api_apikey")
        assert key[20:] not in json.dumps(cursor.fetchall())


def test_a_database_that_is_away_is_503(api, django_db_blocker):
    from apps.api.base import refusal_of

    refusal = refusal_of(OperationalError("gone"))
    assert (refusal.status, refusal.headers) == (503, {"Retry-After": "2"})


def test_head_is_a_get_without_its_body(api):
    answer = api.send("HEAD", SEGMENTS)
    assert (answer.status_code, answer.content) == (200, b"")


def test_a_body_in_chunks_is_read(app):
    """Of unknown length, as WSGI servers hand it over; the test client always tells a length."""
    environ = RequestFactory()._base_environ()
    environ |= {"REQUEST_METHOD": "POST", "HTTP_TRANSFER_ENCODING": "chunked", "CONTENT_TYPE": "application/json"}
    environ |= {"HTTP_AUTHORIZATION": f"Bearer {make_key(app)}", "wsgi.input": io.BytesIO(b'{"events": []}')}
    answer = EventsView.as_view()(WSGIRequest(environ))
    assert json.loads(answer.content)["errors"][0]["pointer"] == "/events"


EVERYTHING_WRONG = {
    "/v2.1/webhooks": (
        {"url": "http://shop.example/", "types": ["delivery.acepted"], "titel": 1},
        {"/url", "/types/0", "/titel"},
    ),
    "/v2.1/devices": (
        {"platfrom": "ios", "platform": "phone", "provider": "fcm", "consent": {"mail": True}, "customer": "\t"},
        {"/platfrom", "/platform", "/address", "/consent/mail", "/customer"},
    ),
    "/v2.1/customers": (
        {"external_id": "", "mail": "x", "email": "x", "phone": "+48 12", "country": "Poland", "traits": {"a": {}}},
        {"/external_id", "/mail", "/email", "/phone", "/country", "/traits/a"},
    ),
    "/v2.1/events": (
        {"events": [{"customer": "", "nam": "x", "occurred_at": "now", "properties": {"a": {"b": 1}}}]},
        {f"/events/0/{name}" for name in ("customer", "nam", "name", "occurred_at", "properties/a")},
    ),
    "/v2.1/push": (
        {"customers": [""], "titel": "x", "body": "{{ x", "badge": -1, "send_at": "now", "ttl_seconds": -1},
        {"/customers/0", "/titel", "/title", "/body", "/badge", "/send_at", "/ttl_seconds"},
    ),
}


@pytest.mark.parametrize("path", sorted(EVERYTHING_WRONG))
def test_every_field_at_fault_is_told_at_once(api, path):
    """Whether the form of the body refuses a field or the rules of the service behind it."""
    body, pointers = EVERYTHING_WRONG[path]
    errors = api.post(path, body).json()["errors"]
    told = [error.get("pointer") or error["meta"]["source"] for error in errors]
    assert sorted(told) == sorted(pointers), errors


def test_a_replay_of_nonsense_tells_both_times(api, app):
    path = f"/v2.1/webhooks/{make_endpoint(app, 'http://127.0.0.1:9/').pk}/replay"
    errors = api.post(path, {"since": "2020-01-01T00:00:00Z", "until": "now"}).json()["errors"]
    assert {(error["pointer"], error["code"]) for error in errors} == {("/since", "range"), ("/until", "date_format")}
    assert any("2020-01-01T00:00:00" in error["message"] for error in errors)


def test_where_a_subscription_leads_is_told_but_not_its_secret_path(api):
    subscription = {"endpoint": "https://shop.example/secret-path", "keys": {"p256dh": "x", "auth": "x"}}
    body = {"platform": "web", "provider": "webpush", "subscription": subscription}
    errors = api.post("/v2.1/devices", body).json()["errors"]
    (problem,) = [error for error in errors if error["code"] == "endpoint_not_allowed"]
    assert "https://shop.example" in problem["message"]
    assert "secret-path" not in problem["message"]


def test_another_app_than_the_keys_is_named(api):
    body = {"app": "other", "platform": "android", "provider": "fcm", "address": "t"}
    answer = api.post("/v2.1/devices", body)
    assert answer.status_code == 404
    assert "(came: other)" in answer.json()["errors"][0]["message"]


def declared_calls():
    return [
        (str(pattern.pattern), method)
        for pattern in urlpatterns
        for method in getattr(getattr(pattern.callback, "view_class", None), "calls", {})
    ]


def test_every_answer_to_a_key_says_what_it_may_still_do(api):
    """Also where nothing was found, nothing may be done, or the body is missing."""
    answers = [api.send(method, re.sub("<[^>]+>", "1", f"/{pattern}"), b"") for pattern, method in declared_calls()]
    answers.append(api.send("PUT", EVENTS, {}))
    assert {answer.status_code for answer in answers} >= {200, 400, 404, 405}
    for answer in answers:
        assert {"RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset"} <= answer.headers.keys()
