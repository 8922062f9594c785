"""The schema (OpenAPI 3.1), made from the same declarations that the views read."""

from typing import Any

from django.conf import settings
from drf_spectacular.openapi import AutoSchema

from apps.api.calls import Answer, Call, record
from apps.api.refusals import ENVELOPE_PATH
from apps.api.samples.document import add_samples
from apps.api.scopes import SCOPES

_HEADER_RULES = {"Idempotency-Key": {"pattern": "^[!-~]([ -~]{0,253}[!-~])?$"}}
_ABOUT = (
    "Transactional pushes, devices, people, reports. [Samples](/v2.1/docs/samples) in five languages."
    "\n\nWithin this version calls, optional fields, parameters and words are added, and nothing is taken away or"
    " changed. What is to go is marked deprecated, works on for at least twelve months, and goes with the version."
    "\n\nEvery answer to a known key says in `RateLimit-Limit`, `RateLimit-Remaining` and `RateLimit-Reset` what may"
    " still be asked in this minute. With an `Idempotency-Key` the same push or trigger twice is one."
)
_TAGS = ("push", "devices", "customers", "events", "receipts", "segments", "campaigns", "dispatches")
_ALWAYS = (401, 403, 404, 405, 429, 503)
_WITH_BODY = (400, 413, 415)
_REFUSED = {
    400: "The request breaks rules; `errors` names each.",
    401: "No key, or one that is not known.",
    403: "The key lacks the scope.",
    404: "There is nothing of that name in the key's app.",
    405: "The path exists, but not with this method.",
    409: "Not possible in the present state.",
    413: "More than fits into one request.",
    415: "Not application/json.",
    422: "Well-formed, but it cannot be done.",
    429: "Too many requests; see Retry-After.",
    503: "Not now; send the same request again after Retry-After.",
}


class CallSchema(AutoSchema):
    """Describes one method of an ApiView from its Call; views without calls are left out."""

    def is_excluded(self) -> bool:
        return self._call() is None

    def get_operation(self, path: str, path_regex: str, path_prefix: str, method: str, registry: Any) -> Any:
        self.path, self.path_regex, self.path_prefix, self.method = path, path_regex, path_prefix, method.upper()
        call = self._call()
        if call is None:
            return None
        operation: dict[str, Any] = {
            "operationId": call.name,
            "summary": call.about.partition("\n")[0],
            "description": f"{call.about}\n\nScope: `{call.scope}`",
            "tags": [path.removeprefix("/v2.1/").partition("/")[0]],
            "security": [{"bearer": []}],
            "parameters": [*self._path_parameters(path), *_parameters(call)],
            "responses": _responses(call, path),
        }
        if call.body is not None:
            content = {"application/json": {"schema": call.body.schema()}}
            operation["requestBody"] = {"required": True, "content": content}
        return operation

    def _call(self) -> Call | None:
        calls: dict[str, Call] = getattr(self.view, "calls", {})
        return calls.get(self.method)

    def _path_parameters(self, path: str) -> list[dict[str, Any]]:
        names = [part[1:-1] for part in path.split("/") if part.startswith("{")]
        return [{"name": name, "in": "path", "required": True, "schema": self._path_schema(name)} for name in names]

    def _path_schema(self, name: str) -> dict[str, Any]:
        if name in getattr(self.view, "text_in_path", ()):
            return {"type": "string", "minLength": 1, "maxLength": 255}
        return {"type": "integer", "minimum": 1, "maximum": 2**63 - 1}


def finish(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """Adds what the calls share: the key, the forms of a refusal, where the API is."""
    scopes = "\n".join(f"- `{scope}`: {about}" for scope, about in SCOPES.items())
    result["info"]["description"] = f"{_ABOUT}\n\nScopes of a key:\n\n{scopes}"
    # Relative to where the schema was read, so that the page for trying calls works under every name of the host.
    result["servers"] = [{"url": "/"}]
    result["tags"] = [{"name": name} for name in _TAGS]
    result["components"] = {
        "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "description": "A key: hg_live_..."}},
        "schemas": {"Problem": _PROBLEM, "Envelope": _ENVELOPE},
    }
    add_samples(result, base=settings.PUBLIC_URL)
    return result


def _parameters(call: Call) -> list[dict[str, Any]]:
    in_query = [
        {"name": name, "in": "query", "description": parameter.about, "schema": dict(parameter.schema)}
        for name, parameter in call.parameters.items()
    ]
    in_header = [
        {
            "name": name,
            "in": "header",
            "description": about,
            "schema": {"type": "string", **_HEADER_RULES.get(name, {})},
        }
        for name, about in call.headers.items()
    ]
    return in_query + in_header


def _responses(call: Call, path: str) -> dict[str, Any]:
    said = {str(status): _response(answer) for status, answer in call.answers.items()}
    statuses = {*_ALWAYS, *call.refusals, *(_WITH_BODY if call.body else ()), *((400,) if call.parameters else ())}
    is_envelope = path == ENVELOPE_PATH
    kind, media = ("Envelope", "application/json") if is_envelope else ("Problem", "application/problem+json")
    for status in sorted(statuses):
        content = {media: {"schema": {"$ref": f"#/components/schemas/{kind}"}}}
        said.setdefault(str(status), {"description": _REFUSED[status], "content": content})
    return said


def _response(answer: Answer) -> dict[str, Any]:
    said: dict[str, Any] = {"description": answer.about}
    if answer.schema is not None:
        said["content"] = {answer.media: {"schema": dict(answer.schema)}}
    return said


_TEXT = {"type": "string"}
_PROBLEM = record(
    {
        "type": {"type": "string", "format": "uri"},
        "title": _TEXT,
        "status": {"type": "integer"},
        "code": _TEXT,
        "detail": _TEXT,
        "instance": _TEXT,
        "errors": {"type": "array", "items": record({"pointer": _TEXT, "code": _TEXT, "message": _TEXT})},
        "request_id": _TEXT,
    }
)
_ENVELOPE = record(
    {
        "meta": record(
            {
                "uniqId": _TEXT,
                "status": {"type": "integer"},
                "numberOfData": {"type": "integer"},
                "numberOfErrors": {"type": "integer"},
            }
        ),
        "data": {"type": "array", "items": {"type": "object"}},
        "errors": {
            "type": "array",
            "items": record({"title": _TEXT, "message": _TEXT, "code": _TEXT, "meta": {"type": "object"}}),
        },
    }
)
