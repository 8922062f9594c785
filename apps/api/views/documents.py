"""What developers read: the schema, the page to try calls on, the table of error codes. No key is needed."""

import json
from functools import cache
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe
from drf_spectacular.generators import SchemaGenerator

from apps.api.codes import CODES
from apps.api.query import choice, read_query
from apps.api.refusals import Refusal, refusal_response

_FORMAT = {"format": choice(["json"], "json, the only one")}


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
def errors(request: HttpRequest) -> HttpResponse:
    """/v2.1/docs/errors: every code, with an anchor each."""
    return render(request, "api/errors.html", {"codes": sorted(CODES.items())})


@cache
def _schema() -> bytes:
    """Made once a process: it follows from the code alone."""
    made: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    return json.dumps(made, ensure_ascii=False, default=str).encode()
