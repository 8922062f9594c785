"""What people allow: an append-only ledger of their answers, mirrored on the customer for the engine to read."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _

from apps.core.problems import FieldProblem, InvalidInput
from apps.core.sql import execute, execute_prepared, prepared_rows, rows
from apps.core.text import clean_text, shown
from apps.customers.services.profile_fields import CHANNELS, TOPIC_LIMIT

# Up to so many answers planning the statement costs more than a plan made for any number could.
MOST_PREPARED = 100


@dataclass(frozen=True, slots=True)
class Answer:
    """A person said yes or no to a channel, or with a topic to that topic.

    wording: what they were shown; wording_version: where it was a Wording of the app.
    """

    customer_id: int
    channel: str
    granted: bool
    topic: str = ""
    wording: str = ""
    wording_version: int | None = None


def record_consent(
    *,
    customer_ids: Sequence[int],
    channel: str,
    granted: bool,
    source: str,
    now: datetime,
    topic: str = "",
    wording: str = "",
) -> int:
    """Write down one answer of each of these people, and mirror it; erased people are left out.

    source: api, import, sms_reply, preference_page, admin. Returns the answers logged. Raises InvalidInput
    (channel_unknown, and those of a text). Holds for every gateway call that starts 2 s after the commit.
    """
    problems: list[FieldProblem] = []
    if channel not in CHANNELS:
        problems.append(FieldProblem("/channel", "channel_unknown", _("must be push or sms"), shown(channel)))
    clean_text(topic, pointer="/topic", limit=TOPIC_LIMIT, problems=problems)
    clean_text(wording, pointer="/wording", limit=500, problems=problems)
    if problems:
        raise InvalidInput(problems)
    answers = [Answer(customer_id, channel, granted, topic, wording) for customer_id in customer_ids]
    return log_answers(answers=answers, source=source, now=now)


def log_answers(
    *,
    answers: Sequence[Answer],
    source: str,
    now: datetime,
    only_changes: bool = False,
    keeps_opt_out: bool = False,
) -> int:
    """Append checked answers; returns how many were logged. See sql/record_consent.sql for the two switches."""
    if not answers:
        return 0
    run = prepared_rows if len(answers) <= MOST_PREPARED else rows
    found = run(
        "customers",
        "record_consent",
        {
            "customer_ids": [answer.customer_id for answer in answers],
            "channels": [answer.channel for answer in answers],
            "topics": [answer.topic for answer in answers],
            "granted": [answer.granted for answer in answers],
            "wordings": [answer.wording for answer in answers],
            "versions": [answer.wording_version for answer in answers],
            "source": source,
            "now": now,
            "only_changes": only_changes,
            "keeps_opt_out": keeps_opt_out,
        },
    )
    return int(found[0][0])


def append_topic_answers(*, answers: Sequence[Answer], source: str, now: datetime) -> int:
    """Append answers to topics that stand on the customer already, in the caller's transaction; returns how many."""
    if not answers:
        return 0
    run = execute_prepared if len(answers) <= MOST_PREPARED else execute
    return run(
        "customers",
        "append_answers",
        {
            "customer_ids": [answer.customer_id for answer in answers],
            "topics": [answer.topic for answer in answers],
            "granted": [answer.granted for answer in answers],
            "wordings": [answer.wording for answer in answers],
            "source": source,
            "now": now,
        },
    )
