"""Idempotency keys: the same request twice is one push and one answer, for 30 days."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils.translation import gettext as _

from apps.accounts.models import App
from apps.api.models import IdempotencyRecord
from apps.api.refusals import Refusal
from apps.core.deleting import delete_in_steps
from apps.core.problems import FieldProblem
from apps.core.sql import execute_prepared, prepared_rows
from apps.core.text import shown

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
        problem = FieldProblem("/idempotency_key", "type", _("must be a text"), shown(text))
        raise Refusal("type", problem.message, problems=[problem])
    is_sound = text.isprintable() and (header is None or text.isascii())
    if not 0 < len(text) <= MOST_CHARACTERS or not is_sound:
        raise _invalid(_unfit(text, is_header=header is not None))
    canonical = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return Key(app.pk, is_test, text, hashlib.sha256(canonical.encode()).digest())


def open_keys(keys: Sequence[Key]) -> list[dict[str, Any] | Refusal | None]:
    """Hold the keys until the transaction ends; tells of each what it led to before, None the first time.

    A Refusal is a verdict here: idempotency_in_progress while a twin is under way (an earlier one of `keys`, too),
    idempotency_key_reuse for another body. Cost: one round trip, none without keys.
    """
    if not keys:
        return []
    asked = [
        {"place": place, "lock": key.lock, "app_id": key.app_id, "is_test": key.is_test, "key": key.text}
        for place, key in enumerate(keys)
    ]
    found = {row[0]: row[1:] for row in prepared_rows("api", "open_idempotency_keys", {"keys": json.dumps(asked)})}
    held: set[int] = set()
    verdicts = []
    for place, key in enumerate(keys):
        verdicts.append(_verdict(key, *found[place], is_twin=key.lock in held))
        held.add(key.lock)
    return verdicts


def _verdict(
    key: Key, is_ours: bool, body_hash: bytes | None, answer: Any, *, is_twin: bool
) -> dict[str, Any] | Refusal | None:
    if body_hash is not None:
        if bytes(body_hash) != key.body_hash:
            return Refusal("idempotency_key_reuse", _("use another key for another request"))
        stored: dict[str, Any] = json.loads(answer) if isinstance(answer, str) else answer
        return stored
    return refuse_twin() if is_twin or not is_ours else None


def refuse_twin() -> Refusal:
    """For a request whose twin is being worked on."""
    return Refusal("idempotency_in_progress", headers={"Retry-After": str(RETRY_AFTER_SECONDS)})


def close_keys(closed: Sequence[tuple[Key, Mapping[str, Any]]], *, status: int, now: datetime) -> None:
    """Remember what each key led to, in the transaction that did it. Raises LostToTwin. Cost: one round trip."""
    if not closed:
        return
    records = [
        {
            "app_id": key.app_id,
            "is_test": key.is_test,
            "key": key.text,
            "body_hash": key.body_hash.hex(),
            "status": status,
            "answer": answer,
        }
        for key, answer in closed
    ]
    made = execute_prepared("api", "close_idempotency_keys", {"records": json.dumps(records), "now": now})
    if made != len(closed):
        raise LostToTwin


def purge_expired(*, now: datetime) -> int:
    """Forget keys older than 30 days; returns how many."""
    return delete_in_steps(IdempotencyRecord.objects.filter(created_at__lt=now - KEPT_FOR))


def _unfit(text: str, *, is_header: bool) -> str:
    message = _("must have 1 to %d printable characters") % MOST_CHARACTERS
    if is_header:
        # Web servers hand on a header with others as an empty text, or as other characters.
        message = _("as a header it must have 1 to %d printable ASCII characters; send others in the field")
        message %= MOST_CHARACTERS
        if len(text) <= MOST_CHARACTERS:
            return message  # so how many were sent is not known here
    return f"{message} ({_('%d came') % len(text)})"


def _invalid(message: str) -> Refusal:
    problem = FieldProblem("/idempotency_key", "idempotency_key_invalid", message)
    return Refusal("idempotency_key_invalid", message, problems=[problem])
