"""Lists by keyset: a page costs the same at any depth, and rows that come or go meanwhile shift nothing."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse

from apps.api.base import json_response
from apps.api.query import DEFAULT_LIMIT


def page_response(
    found: QuerySet[Any], parameters: Mapping[str, Any], show: Callable[[Sequence[Any]], list[Any]]
) -> HttpResponse:
    """One page of a query, newest row first. `show` is given all rows of the page at once."""
    limit = parameters.get("limit", DEFAULT_LIMIT)
    if "cursor" in parameters:
        found = found.filter(pk__lt=parameters["cursor"])
    rows = list(found.order_by("-pk")[: limit + 1])
    next_cursor = str(rows[limit - 1].pk) if len(rows) > limit else None
    return json_response({"data": show(rows[:limit]), "next_cursor": next_cursor})


def each(show: Callable[[Any], Any]) -> Callable[[Sequence[Any]], list[Any]]:
    """For rows that are shown one by one."""
    return lambda rows: [show(row) for row in rows]
