"""Rules: validated, compiled to one SQL query, explained in words. See catalogue.py for their form."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from apps.accounts.models import App
from apps.core.problems import FieldProblem, InvalidInput
from apps.core.sql import Compiled
from apps.segments.models import Segment
from apps.segments.rules.catalogue import Catalogue, load_catalogue
from apps.segments.rules.compile import compile_tree
from apps.segments.rules.cycles import cycle_through
from apps.segments.rules.explain import Words, explain_tree
from apps.segments.rules.read import read_rule
from apps.segments.rules.tree import segments_in

__all__ = ["Catalogue", "Words", "compile_rule", "explain_rule", "load_catalogue", "validate_rule"]


def validate_rule(rule: Any, app: App, *, segment_id: int | None = None) -> None:
    """Raises InvalidInput with every problem of the rule; with `segment_id`, also `cycle`."""
    root = read_rule(rule, load_catalogue(app))
    if segment_id is not None:
        _refuse_cycle(segment_id, segments_in(root), app)


def compile_rule(rule: Any, app: App, now: datetime, *, among: Sequence[int] | None = None) -> Compiled:
    """One query that selects customer_id. Raises InvalidInput where the rule does not hold (any more).

    among: of these people alone (ids).
    """
    return compile_tree(read_rule(rule, load_catalogue(app)), app=app, now=now, among=among)


def explain_rule(rule: Any, app: App) -> Words:
    """The rule in words. Raises InvalidInput."""
    catalogue = load_catalogue(app)
    return explain_tree(read_rule(rule, catalogue), catalogue)


def _refuse_cycle(segment_id: int, named: set[int], app: App) -> None:
    segments = Segment.objects.filter(app=app, kind="dynamic").exclude(pk=segment_id)
    way = cycle_through(segment_id, named, dict(segments.values_list("id", "rule")))
    if way:
        names = dict(Segment.objects.filter(pk__in=way).values_list("id", "name"))
        message = _("these segments would ask about each other in a circle: %(way)s")
        message %= {"way": " → ".join(names.get(one, "?") for one in way)}
        raise InvalidInput([FieldProblem("", "cycle", message)])
