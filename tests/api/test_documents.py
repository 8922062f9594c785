"""The schema is valid OpenAPI 3.1, says all, and its page works without the internet."""

import re

import pytest
from django.contrib.staticfiles import finders
from django.urls import get_resolver
from openapi_spec_validator import OpenAPIV31SpecValidator

from apps.api.base import ApiView
from apps.api.codes import CODES
from apps.api.scopes import SCOPES
from apps.api.urls import urlpatterns
from tests.factories.api import ApiCaller

# Calls that need no key, each with its reason.
OPEN = {
    "v2.1/schema": "developers read it before they have a key",
    "v2.1/docs": "the same",
    "v2.1/docs/errors": "the same",
    "v2.1/docs/samples": "the same",
    "c/<str:signed>": "a redirection for browsers, not a call",
    "preferences/<str:signed>": "the signed link is its key",
    "pair/<str:code>": "the signed code is its key",
    "v2.1/callbacks/sms/<slug:provider>": "the provider's signature is its key",
    "metrics": "from this machine alone; with a key from elsewhere",
}


@pytest.fixture
def schema():
    return ApiCaller("").get("/v2.1/schema?format=json").json()


def test_the_schema_is_openapi_3_1(schema):
    assert schema["openapi"].startswith("3.1")
    OpenAPIV31SpecValidator(schema).validate()


def test_another_format_is_refused():
    assert ApiCaller("").get("/v2.1/schema?format=xml").status_code == 400


def test_every_call_has_a_known_scope_and_a_method():
    for pattern in urlpatterns:
        view = getattr(pattern.callback, "view_class", None)
        if view is None:
            assert str(pattern.pattern) in OPEN
            continue
        assert issubclass(view, ApiView)
        assert view.calls, f"{pattern.pattern} declares no call"
        assert {call.scope for call in view.calls.values()} <= SCOPES.keys()
        methods = {name.upper() for name in ("get", "post", "put", "patch", "delete") if hasattr(view, name)}
        assert methods == view.calls.keys(), f"{pattern.pattern}: a method without a call, or the other way"


def test_every_call_is_in_the_schema_once(schema):
    names = [operation["operationId"] for path in schema["paths"].values() for operation in path.values()]
    declared = [call.name for pattern in urlpatterns for call in getattr(_view(pattern), "calls", {}).values()]
    assert sorted(names) == sorted(declared)
    assert len(set(names)) == len(names)


def test_no_address_of_the_api_is_outside_its_urls():
    outside = [str(pattern.pattern) for pattern in get_resolver().url_patterns if "v2.1" in str(pattern.pattern)]
    assert outside == []


def test_the_page_uses_only_files_of_ours_and_no_inline_script():
    page = ApiCaller("").get("/v2.1/docs").content.decode()
    files = re.findall(r'(?:src|href)="/static/([^"]+)"', page)
    assert len(files) >= 4
    assert all(finders.find(name) for name in files)
    assert not re.search(r"https?://", page)
    assert not re.search(r"<script(?![^>]*\bsrc=)", page)


def test_every_code_has_its_anchor():
    page = ApiCaller("").get("/v2.1/docs/errors").content.decode()
    assert all(f'id="{code}"' in page for code in CODES)


def _view(pattern):
    return getattr(pattern.callback, "view_class", None)
