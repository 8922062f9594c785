"""Frozen: everything a launch would hand over, as one JSON and one hash, and how two of them differ.

Every column of Campaign and Variant is in it unless it stands in BOOKKEEPING, so a new setting is bound by approvals
without anybody thinking of it. A value that is its default says nothing: what was frozen before there was such a
setting, and leaves it out, is the same.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import cache
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import Model

from apps.campaigns.models import Campaign, Variant
from apps.campaigns.parts import parts
from apps.campaigns.services.handover import plan_arguments
from apps.deliveries.policy import Policy
from apps.segments.models import Segment
from apps.segments.rules.cycles import segments_named

# Columns that say where a campaign or variant stands, not what is sent, to whom and when.
BOOKKEEPING = frozenset(
    {
        "id",
        "app",
        "name",
        "state",
        "version",
        "dispatch",
        "created_by",
        "created_at",
        "updated_at",
        "launched_at",
        "archived_at",
        "launching_until",
        "paused_at",
        "launch_problem",
        "launch_problem_at",
        "campaign",
    }
)


@dataclass(frozen=True, slots=True)
class Difference:
    """One value that differs. path: ("message", "0", "texts", "en", "title"); None = was not, or is not, there."""

    path: tuple[str, ...]
    before: Any
    after: Any


def freeze(campaign: Campaign, now: datetime) -> dict[str, Any]:
    """Settings, messages, audience definition, policy and parts. Members of segments are no part of it, rules are."""
    settings = _columns(campaign)
    policy = plan_arguments(campaign, now)["policy"].as_json()
    if campaign.timing != "at":
        # Each time of what repeats has a time of its own; one yes holds for all.
        settings.pop("scheduled_at")
        policy.pop("local_at", None)
    whole = {
        "settings": settings,
        "message": {str(variant.position): _columns(variant) for variant in campaign.variants.all()},
        "audience": _audience(campaign),
        "policy": policy,
        "parts": {part.name: part.frozen(campaign=campaign) for part in parts()},
    }
    return _plain(whole)


def fingerprint_of(frozen: Mapping[str, Any]) -> str:
    """SHA-256, in hex, of the canonical JSON of what it says."""
    canonical = json.dumps(_said(frozen), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def is_same(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """Whether a yes to the one is a yes to the other."""
    return fingerprint_of(before) == fingerprint_of(after)


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Difference]:
    """Every value that differs, in the order of the newer one."""
    old, new = dict(_leaves(before)), dict(_leaves(after))
    said_before, said_after = (dict(_leaves(_said(frozen))) for frozen in (before, after))
    paths = [*new, *(path for path in old if path not in new)]
    differing = [path for path in paths if said_before.get(path) != said_after.get(path)]
    return [Difference(path, old.get(path), new.get(path)) for path in differing]


def _columns(row: Model) -> dict[str, Any]:
    return {
        column.name: column.value_from_object(row)
        for column in row._meta.concrete_fields
        if column.name not in BOOKKEEPING
    }


def _audience(campaign: Campaign) -> dict[str, Any]:
    """The chosen segments, and the rule of each and of all that these name."""
    chosen = {
        "include": sorted(campaign.include_segments.values_list("pk", flat=True)),
        "exclude": sorted(campaign.exclude_segments.values_list("pk", flat=True)),
    }
    found: dict[str, Any] = {}
    waiting = {*chosen["include"], *chosen["exclude"]}
    while waiting:
        named: set[int] = set()
        for segment in Segment.objects.filter(pk__in=waiting):
            found[str(segment.pk)] = {"kind": segment.kind, "rule": segment.rule}
            named |= segments_named(segment.rule)
        waiting = {pk for pk in named if str(pk) not in found} - waiting
    return {**chosen, "segments": found}


def _said(frozen: Mapping[str, Any]) -> dict[str, Any]:
    """Without values that are their defaults."""
    said = dict(frozen)
    for name, defaults in (("settings", _column_defaults(Campaign)), ("policy", _policy_defaults())):
        if name in frozen:
            said[name] = _without(frozen[name], defaults)
    if "message" in frozen:
        messages = frozen["message"].items()
        said["message"] = {place: _without(message, _column_defaults(Variant)) for place, message in messages}
    if "parts" in frozen:
        defaults_of = {part.name: _plain(part.defaults) for part in parts()}
        said["parts"] = {name: _without(part, defaults_of.get(name, {})) for name, part in frozen["parts"].items()}
    return said


def _without(values: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name not in defaults or value != defaults[name]}


@cache
def _column_defaults(model: type[Model]) -> dict[str, Any]:
    return _plain({column.name: column.get_default() for column in model._meta.concrete_fields})


@cache
def _policy_defaults() -> dict[str, Any]:
    return _plain(asdict(Policy()))


def _plain(value: Any) -> dict[str, Any]:
    """As it comes back from a JSON column."""
    plain: dict[str, Any] = json.loads(json.dumps(value, cls=DjangoJSONEncoder))
    return plain


def _leaves(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _leaves(inner, (*path, str(name)))
    else:
        yield path, value
