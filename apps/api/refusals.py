"""How the API says no: one exception, one place that words it.

Everything under /v2.1 answers RFC 9457 problem+json, but /v2.1/push, which keeps the envelope `meta`/`data`/`errors`
with the same codes. Source: RFC 9457.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from django.conf import settings
from django.http import HttpResponse

from apps.api.codes import CODES
from apps.core.problems import MOST_SHOWN, FieldProblem

ENVELOPE_PATH = "/v2.1/push"
_TITLES = {
    400: "Bad request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not found",
    405: "Method not allowed",
    409: "Conflict",
    413: "Too large",
    415: "Unsupported media type",
    422: "Unprocessable",
    429: "Too many requests",
    500: "Internal error",
    503: "Unavailable",
}


class Refusal(Exception):
    """The request is refused with a code. `detail` says what to do; `problems` has the fields, if any are at fault."""

    def __init__(
        self,
        code: str,
        detail: str = "",
        *,
        problems: Sequence[FieldProblem] = (),
        status: int = 0,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        known = CODES.get(code)
        self.code = code
        self.status = status or (known.status if known else 0) or 400
        self.detail = detail or (str(known.meaning) if known else "")
        self.problems = list(problems)[:MOST_SHOWN]
        self.headers = dict(headers or {})
        super().__init__(f"{code}: {self.detail}")


def refuse_fields(problems: Sequence[FieldProblem], status: int = 400) -> Refusal:
    """The refusal of a body whose fields break rules. Its code is the field's own where there is just one."""
    codes = {problem.code for problem in problems}
    code = codes.pop() if len(codes) == 1 else "invalid_input"
    first = problems[0]
    detail = f"{first.pointer} {first.message}".strip() if len(problems) == 1 else f"{len(problems)} fields break rules"
    return Refusal(code, detail, problems=problems, status=status)


def refusal_response(refusal: Refusal, *, path: str, request_id: str) -> HttpResponse:
    """The answer, in the form that the path has promised."""
    if path.rstrip("/") == ENVELOPE_PATH:
        body, content_type = _envelope(refusal, request_id), "application/json"
    else:
        body, content_type = _problem(refusal, path, request_id), "application/problem+json"
    raw = json.dumps(body, ensure_ascii=False).encode(errors="backslashreplace")
    return HttpResponse(raw, status=refusal.status, content_type=content_type, headers=refusal.headers)


def _problem(refusal: Refusal, path: str, request_id: str) -> dict[str, Any]:
    return {
        "type": f"{settings.PUBLIC_URL}/v2.1/docs/errors#{refusal.code}",
        "title": _TITLES.get(refusal.status, "Refused"),
        "status": refusal.status,
        "code": refusal.code,
        "detail": refusal.detail,
        "instance": path,
        "errors": [
            {"pointer": problem.pointer, "code": problem.code, "message": _worded(problem)}
            for problem in refusal.problems or [FieldProblem("", refusal.code, refusal.detail)]
        ],
        "request_id": request_id,
    }


def _envelope(refusal: Refusal, request_id: str) -> dict[str, Any]:
    problems = refusal.problems or [FieldProblem("", refusal.code, refusal.detail)]
    return {
        "meta": {
            "uniqId": "",
            "status": refusal.status,
            "numberOfData": 0,
            "numberOfErrors": len(problems),
            "request_id": request_id,
        },
        "data": [],
        "errors": [envelope_error(problem, refusal.status) for problem in problems],
    }


def envelope_error(problem: FieldProblem, status: int) -> dict[str, Any]:
    """One entry of the envelope's `errors`."""
    return {
        "title": _TITLES.get(status, "Refused"),
        "message": _worded(problem),
        "code": problem.code,
        "meta": {"parameter": problem.pointer.lstrip("/"), "value": problem.came, "source": problem.pointer},
    }


def _worded(problem: FieldProblem) -> str:
    came = f" (came: {problem.came})" if problem.came else ""
    return f"{problem.message}{came}"
