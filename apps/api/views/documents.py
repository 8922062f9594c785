"""What developers read: the schema, the page to try calls on, samples, the table of error codes. No key is needed."""

import json
from functools import cache
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe
from drf_spectacular.generators import SchemaGenerator

from apps.api.codes import CODES
from apps.api.query import choice, read_query
from apps.api.refusals import Refusal, refusal_response
from apps.api.samples.document import samples_in
from apps.api.samples.languages import LANGUAGES, verification

_FORMAT = {"format": choice(["json"], "json, the only one")}
_LANGUAGE = {"language": choice(list(LANGUAGES), "in which the samples are written")}


@require_safe
def schema(request: HttpRequest) -> HttpResponse:
    """/v2.1/schema: OpenAPI 3.1."""
    try:
        read_query(request.GET, _FORMAT)
    except Refusal as refusal:
        return refusal_response(refusal, path=request.path, request_id="")
    return HttpResponse(_schema(), content_type="application/json")


@require_safe
def docs(request: HttpRequest) -> HttpResponse:
    """/v2.1/docs: Swagger's page, from files of our own."""
    return render(request, "api/docs.html")


@require_safe
def samples(request: HttpRequest) -> HttpResponse:
    """/v2.1/docs/samples: the main calls in one language."""
    try:
        wanted = read_query(request.GET, _LANGUAGE).get("language", "curl")
    except Refusal as refusal:
        return refusal_response(refusal, path=request.path, request_id="")
    language = LANGUAGES[wanted]
    shown = {
        "language": language,
        "languages": LANGUAGES.values(),
        "samples": list(samples_in(language, _document(), base=settings.PUBLIC_URL)),
        "verification": verification(language),
    }
    return render(request, "api/samples.html", shown)


@require_safe
def errors(request: HttpRequest) -> HttpResponse:
    """/v2.1/docs/errors: every code, with an anchor each."""
    return render(request, "api/errors.html", {"codes": sorted(CODES.items())})


@cache
def _document() -> dict[str, Any]:
    """Made once a process: it follows from code and settings alone."""
    made: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    return made


@cache
def _schema() -> bytes:
    return json.dumps(_document(), ensure_ascii=False, default=str).encode()
