"""`bench render`: how many contents a process renders a second."""

import time
from collections.abc import Callable
from typing import Any

from apps.core.bench import Measured, timed
from apps.deliveries.click_links import counted
from apps.deliveries.rendering.body import compile_body

_PLAIN = {"title": "{{ first_name | default: 'Hello' }}, a word", "body": "News from {{ city | default: 'town' }}."}
_TAGS = {"title": "{{ first_name | upcase }}", "body": "{% if city %}News from {{ city }}{% else %}News{% endif %}"}
_LINK = "https://shop.example/{{ city }}?sku=7#top"
_UTM = {"utm_source": "heliograph", "utm_medium": "push", "utm_campaign": "spring-sale"}
_FEW = 5_000

Say = Callable[[str], None]


def render(options: dict[str, Any], say: Say) -> Measured:
    """Words and two facts with fallbacks, each person another; `--devices` times.

    Extra fields, microseconds each: liquid_us (tags and a filter), static_us (no facts), compile_us (a new body),
    link_us (the same with a personal link), tagged_us (and UTM tags on it), counted_us (leading a link through us).
    """
    people = [{"first_name": f"Ada{number}", "city": "Paris"} for number in range(options["devices"])]
    compiled = compile_body(_PLAIN)
    with timed() as watch:
        for facts in people:
            compiled.render(facts)
    liquid, static = compile_body(_TAGS), compile_body({"title": "Hello", "body": "News"})
    linked, tagged = compile_body({**_PLAIN, "link": _LINK}), compile_body({**_PLAIN, "link": _LINK, "link_tags": _UTM})
    content = tagged.render(people[0])
    return watch.measured(
        "render",
        unit="contents",
        rows=len(people),
        liquid_us=_each(lambda number: liquid.render(people[number % len(people)])),
        static_us=_each(lambda number: static.render({})),
        link_us=_each(lambda number: linked.render(people[number % len(people)])),
        tagged_us=_each(lambda number: tagged.render(people[number % len(people)])),
        counted_us=_each(lambda number: counted(content, f"{number:040}")),
        compile_us=_each(lambda number: compile_body({**_PLAIN, "collapse_key": str(number)})),
        leaves_out="reading the facts from the database",
    )


def _each(work: Callable[[int], object]) -> float:
    """Microseconds of CPU for one call."""
    started = time.process_time()
    for number in range(_FEW):
        work(number)
    return round((time.process_time() - started) / _FEW * 1e6, 2)
