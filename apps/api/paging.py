"""Lists by keyset: a page costs the same at any depth, and rows that come or go meanwhile shift nothing."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse

from apps.api.base import json_response
from apps.api.query import DEFAULT_LIMIT, make_cursor


def page_response(
    found: QuerySet[Any],
    parameters: Mapping[str, Any],
    show: Callable[[Any], Any],
    position: Callable[[Any], Iterable[int | str]],
) -> HttpResponse:
    """One page of a query that is ordered, and filtered to what comes after the cursor; one row more is looked at."""
    limit = parameters.get("limit", DEFAULT_LIMIT)
    rows: Sequence[Any] = list(found[: limit + 1])
    page = rows[:limit]
    next_cursor = make_cursor(*position(page[-1])) if len(rows) > limit else None
    return json_response({"data": [show(row) for row in page], "next_cursor": next_cursor})
