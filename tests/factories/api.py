"""Keys of apps, and a caller who holds one."""

import json
from dataclasses import dataclass, field
from typing import Any

from django.test import Client
from django.utils import timezone

from apps.accounts.models import App
from apps.api.scopes import PUBLISHABLE, SCOPES
from apps.api.services.keys import create_api_key


def make_key(app: App, *scopes: str, kind: str = "live", **fields: Any) -> str:
    """The plain text of a new key; without scopes, one that may do everything of its kind."""
    every = PUBLISHABLE if kind == "pub" else tuple(SCOPES)
    _key, secret = create_api_key(app=app, kind=kind, scopes=scopes or every, name="test", now=timezone.now(), **fields)
    return secret


@dataclass(slots=True)
class ApiCaller:
    """Calls the API with a key. Texts and bytes go out as they are, anything else as JSON."""

    key: str
    client: Client = field(default_factory=Client)

    def get(self, path: str, **headers: str) -> Any:
        return self.send("GET", path, **headers)

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        return self.send("POST", path, body, **headers)

    def patch(self, path: str, body: Any = None, **headers: str) -> Any:
        return self.send("PATCH", path, body, **headers)

    def delete(self, path: str, **headers: str) -> Any:
        return self.send("DELETE", path, **headers)

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """headers: idempotency_key="x" goes out as Idempotency-Key; content_type as it is."""
        raw = body if isinstance(body, bytes | str) else b"" if body is None else json.dumps(body)
        kind = headers.pop("content_type", "application/json")
        told = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.key:
            told.setdefault("Authorization", f"Bearer {self.key}")
        return self.client.generic(method, path, raw, content_type=kind, headers=told)


def codes_of(response: Any) -> set[str]:
    """The codes in a refusal's `errors`."""
    return {error["code"] for error in response.json()["errors"]}
