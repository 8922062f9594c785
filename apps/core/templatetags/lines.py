"""Lines over time, drawn in the browser by the Chart.js that unfold ships, with the same numbers as a table."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django import template

register = template.Library()
MOST_MARKS = 8


@dataclass(frozen=True, slots=True)
class Line:
    """One line. values run parallel to the chart's labels; None = nothing is known of that place, so a gap."""

    name: Any
    values: Sequence[float | None]


@register.inclusion_tag("house/lines.html")
def lines(labels: Sequence[str], series: Sequence[Line], caption: str, unit: str = "") -> dict[str, Any]:
    """At most four lines; their colours are --hg-line-1 to 4. unit: written behind the marks of the axis."""
    drawn = {
        "labels": list(labels),
        "datasets": [
            {
                "label": str(line.name),
                "data": list(line.values),
                "borderColor": f"var(--hg-line-{number})",
                "backgroundColor": f"var(--hg-line-{number})",
                "tension": 0.2,
                "displayYAxis": True,
                "maxTicksXLimit": MOST_MARKS,
                **({"suffixYAxis": unit} if unit else {}),
            }
            for number, line in enumerate(series, start=1)
        ],
    }
    rows = list(zip(labels, *(line.values for line in series), strict=True))
    return {"caption": caption, "series": series, "drawn": json.dumps(drawn), "rows": rows[::-1], "unit": unit}
