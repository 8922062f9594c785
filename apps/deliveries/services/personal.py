"""Personal facts: what a dispatch's texts may say to one person alone, beside what their profile says."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from apps.core.deleting import delete_in_steps
from apps.core.sql import Compiled, execute, rows
from apps.deliveries.models import PersonalFacts

# (dispatch, customer) -> facts
type Known = Mapping[tuple[int, int], Mapping[str, Any]]


def give_facts(*, dispatch_id: int, people: Compiled) -> int:
    """Store them, in the transaction that planned the dispatch under Policy.has_personal_facts; returns how many.

    people.sql selects customer_id and facts (jsonb), each person once.
    """
    return execute("deliveries", "give_facts", {"dispatch_id": dispatch_id}, people=people)


def facts_given(wanted: Sequence[tuple[int, int]]) -> Known:
    """Of these (dispatch, customer) pairs. Cost: one query, none where nothing is wanted."""
    if not wanted:
        return {}
    dispatch_ids, customer_ids = map(list, zip(*wanted, strict=True))
    found = rows("deliveries", "facts_given", {"dispatch_ids": dispatch_ids, "customer_ids": customer_ids})
    return {(dispatch_id, customer_id): json.loads(facts) for dispatch_id, customer_id, facts in found}


def forget_facts(*, expired_before: datetime) -> int:
    """Those of dispatches that expired before then; returns how many."""
    return delete_in_steps(PersonalFacts.objects.filter(dispatch__expires_at__lt=expired_before))
