"""Export: the deliveries of a dispatch as CSV, streamed by COPY with flat memory."""

from collections.abc import Iterator, Mapping
from datetime import UTC

from apps.core.csv import copy_rows, safe_cell
from apps.core.sql import Compiled, compiled
from apps.deliveries.delivery_ids import mac_pads
from apps.deliveries.models import Dispatch
from apps.deliveries.states import GATEWAY_WORDS, OUTCOME_WORDS, PLATFORM_WORDS

BOM = b"\xef\xbb\xbf"
NO_EXTRAS = Compiled("select null::bigint as customer_id, null::text as sms_state, null::int as sms_parts limit 0")


def delivery_csv(*, dispatch: Dispatch, extras: Compiled | None, bom: bool = False) -> Iterator[bytes]:
    """One line a ledger row (excluded people and device 0 included) under a header, UTC, safe for spreadsheets.

    extras: customer_id, sms_state, sms_parts, from who stands above. Cost: 250,000 rows/s, 2 MB of memory.
    """
    inner_pad, outer_pad = mac_pads()
    maker, _, number = dispatch.origin.partition(":")
    query = compiled(
        "deliveries",
        "export_deliveries",
        {
            "dispatch_id": dispatch.pk,
            "planned_on": dispatch.planned_on,
            "planned_at": f"{dispatch.created_at.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z",
            "campaign_id": number if maker == "campaign" else "",
            "campaign_name": safe_cell(dispatch.name),
            "outcome_words": _by_number(OUTCOME_WORDS),
            "gateway_words": _by_number(GATEWAY_WORDS),
            "platform_words": _by_number(PLATFORM_WORDS),
            "inner_pad": inner_pad,
            "outer_pad": outer_pad,
        },
        extras=extras or NO_EXTRAS,
    )
    if bom:
        yield BOM
    yield from copy_rows(query.sql, query.params)


def _by_number(words: Mapping[int, str]) -> list[str | None]:
    """An SQL array from which the number fetches the word."""
    return [words.get(number) for number in range(1, max(words) + 1)]
