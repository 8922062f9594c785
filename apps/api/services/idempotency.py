"""Idempotency keys: the same request twice is one push and one answer, for 30 days."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils.translation import gettext as _

from apps.accounts.models import App
from apps.api.models import IdempotencyRecord
from apps.api.refusals import Refusal
from apps.core.problems import FieldProblem
from apps.core.sql import execute, rows

KEPT_FOR = timedelta(days=30)
MOST_CHARACTERS = 255
RETRY_AFTER_SECONDS = 1


@dataclass(frozen=True, slots=True)
class Key:
    """An idempotency key and the body that came with it. Live and test keys of an app do not see each other's."""

    app_id: int
    is_test: bool
    text: str
    body_hash: bytes

    @property
    def lock(self) -> int:
        name = f"{self.app_id}\0{self.is_test}\0{self.text}".encode()
        return int.from_bytes(hashlib.blake2b(name, digest_size=8).digest(), signed=True)


class LostToTwin(Exception):
    """A twin committed between our look and our writing; looking again finds its answer."""


def read_key(*, app: App, is_test: bool, header: str | None, body: Mapping[str, Any]) -> Key | None:
    """The key in the header or in the body's idempotency_key; None = the caller wants none.

    Raises Refusal where it breaks the rules, or both are given and differ.
    """
    field = body.get("idempotency_key")
    if header is not None and field is not None and header != field:
        raise _invalid(_("the header and the field idempotency_key differ"))
    text = header if header is not None else field
    if text is None:
        return None
    if not isinstance(text, str):
        problem = FieldProblem("/idempotency_key", "type", _("must be a text"))
        raise Refusal("type", problem.message, problems=[problem])
    if not 0 < len(text) <= MOST_CHARACTERS or not text.isprintable():
        raise _invalid(_("must have 1 to %d printable characters") % MOST_CHARACTERS)
    canonical = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return Key(app.pk, is_test, text, hashlib.sha256(canonical.encode()).digest())


def open_key(key: Key) -> dict[str, Any] | None:
    """Hold the key until the transaction ends; returns what it led to before, None the first time.

    Raises Refusal: idempotency_in_progress while a twin is under way, idempotency_key_reuse for another body.
    """
    found = rows(
        "api",
        "open_idempotency_key",
        {"lock": key.lock, "app_id": key.app_id, "is_test": key.is_test, "key": key.text},
    )
    is_ours, body_hash, answer = found[0]
    if body_hash is not None:
        if bytes(body_hash) != key.body_hash:
            raise Refusal("idempotency_key_reuse", _("use another key for another request"))
        stored: dict[str, Any] = json.loads(answer) if isinstance(answer, str) else answer
        return stored
    if not is_ours:
        raise Refusal("idempotency_in_progress", headers={"Retry-After": str(RETRY_AFTER_SECONDS)})
    return None


def close_key(key: Key, *, status: int, answer: Mapping[str, Any], now: datetime) -> None:
    """Remember what the key led to, in the transaction that did it. Raises LostToTwin."""
    made = execute(
        "api",
        "close_idempotency_key",
        {
            "app_id": key.app_id,
            "is_test": key.is_test,
            "key": key.text,
            "body_hash": key.body_hash,
            "status": status,
            "answer": json.dumps(answer),
            "now": now,
        },
    )
    if not made:
        raise LostToTwin


def purge_expired(*, now: datetime) -> int:
    """Forget keys older than 30 days; returns how many."""
    return IdempotencyRecord.objects.filter(created_at__lt=now - KEPT_FOR).delete()[0]


def _invalid(message: str) -> Refusal:
    problem = FieldProblem("/idempotency_key", "idempotency_key_invalid", message)
    return Refusal("idempotency_key_invalid", message, problems=[problem])
