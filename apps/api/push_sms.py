"""The SMS after a push, read and judged: `fallback_sms`."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from apps.accounts.models import App
from apps.api.shapes import Record, Text, whole_seconds
from apps.core.problems import FieldProblem
from apps.deliveries.rendering import analyse
from apps.devices.models import Channel
from apps.gateways.sms_text import MOST_PARTS, measure

DEFAULT_WAIT_SECONDS = 120
FALLBACK_SMS = Record(
    {
        "text": Text(least=1, most=1000, lines=True, about="Liquid; at most 10 SMS parts."),
        "after_seconds": whole_seconds(30, 86_400, "How long to wait for a receipt; 120 unless told."),
    },
    required=("text",),
    about="Goes once to each person who agreed to SMS and of whose devices none has sent a receipt by then.",
)


@dataclass(frozen=True, slots=True)
class FollowingSms:
    """text: Liquid."""

    text: str
    after_seconds: int

    @property
    def content(self) -> Mapping[str, Any]:
        """As the engine renders it."""
        return {"body": self.text, "silent": True}


def read_sms(found: Mapping[str, Any] | None, app: App, problems: list[FieldProblem]) -> FollowingSms | None:
    """What FALLBACK_SMS read; adds to `problems` what is wrong with its text, or that nobody could send it."""
    if not found or not found.get("text"):
        return None
    sms = FollowingSms(found["text"], found.get("after_seconds") or DEFAULT_WAIT_SECONDS)
    problems += [
        FieldProblem("/fallback_sms/text", one.code, one.message, one.came)
        for one in [*analyse({**sms.content, "silent": False, "title": "-"}, None), *_parts(sms.text)]
    ]
    if not Channel.objects.filter(app=app, gateway="sms").exists():
        message = _("the app has no SMS provider: store its credentials under Channels")
        problems.append(FieldProblem("/fallback_sms", "channel_missing", message))
    return sms


def _parts(text: str) -> Iterator[FieldProblem]:
    """Judged as it is written: what a variable brings is judged for each person."""
    parts = measure(text).parts
    if parts > MOST_PARTS:
        message = _("an SMS may have at most %d parts") % MOST_PARTS
        yield FieldProblem("", "too_many_parts", message, str(parts))
