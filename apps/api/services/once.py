"""Once: what a request does and its idempotency record are one transaction, and all its twins get one answer."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction

from apps.api.refusals import Refusal
from apps.api.services.idempotency import Key, LostToTwin, close_keys, open_keys, refuse_twin


@dataclass(frozen=True, slots=True)
class Accepted:
    """stored: what the answer is rebuilt from. is_replay: the key had led to it before."""

    stored: Mapping[str, Any]
    is_replay: bool


def answer_once(*, key: Key | None, status: int, act: Callable[[], Mapping[str, Any]], now: datetime) -> Accepted:
    """Do it, unless the key has led to it before; committed when this returns. Raises Refusal, and what `act` raises.

    act: does it in this transaction, and returns what to keep.
    """
    for _try in range(2):
        try:
            with transaction.atomic():
                return _do(key, status, act, now)
        except LostToTwin:
            continue
    raise refuse_twin()


def _do(key: Key | None, status: int, act: Callable[[], Mapping[str, Any]], now: datetime) -> Accepted:
    """A repeat is answered even where the same could not be done any more."""
    for found in open_keys([key] if key else []):
        if isinstance(found, Refusal):
            raise found
        if found is not None:
            return Accepted(found, is_replay=True)
    stored = act()
    close_keys([(key, stored)] if key else [], status=status, now=now)
    return Accepted(stored, is_replay=False)
