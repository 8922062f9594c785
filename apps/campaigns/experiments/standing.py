"""How a launched A/B test stands: its people by variant, and the verdict on them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Func, IntegerField, Sum
from django.db.models.expressions import F

from apps.campaigns.experiments.statistics import (
    Arm,
    Interval,
    difference,
    mixture_variance,
    p_value,
    planned_variance,
    rate_interval,
    winner_alpha,
)
from apps.campaigns.experiments.verdict import Verdict, judge
from apps.campaigns.models import Campaign
from apps.core.sql import rows
from apps.deliveries.models import Batch, Dispatch
from apps.deliveries.policy import Policy

# The mixture is fixed by the plan, before any number is seen, for shares about this high.
_PLANNED_RATE = 0.1


@dataclass(frozen=True, slots=True)
class VariantStanding:
    """One variant's people in the test. share: of the test, percent. rate: of what decides. gain: over the first."""

    position: int
    share: float
    people: int
    opened: int
    clicked: int
    opt_outs: int
    rate: Interval
    gain: Interval | None
    p_value: float | None
    is_guarded: bool

    @property
    def letter(self) -> str:
        return letter(self.position)


@dataclass(frozen=True, slots=True)
class Standing:
    """The whole test. metric: opened | clicked. held: devices that wait for the winner."""

    metric: str
    variants: list[VariantStanding]
    verdict: Verdict
    mixture: float
    tested_percent: float
    held: int

    @property
    def people(self) -> int:
        return sum(one.people for one in self.variants)

    def as_json(self) -> dict[str, Any]:
        """The report's `experiment`; by_variant has each variant's own numbers."""
        margin = self.verdict.margin
        return {
            "metric": self.metric,
            "people": self.people,
            "verdict": self.verdict.word,
            "leader": self.verdict.leader,
            "runner_up": self.verdict.runner_up,
            "difference": interval_json(margin) if margin else None,
            "guarded": {str(place): interval_json(more) for place, more in self.verdict.guarded.items()},
            "tested_percent": self.tested_percent,
            "held_devices": self.held,
        }


@dataclass(frozen=True, slots=True)
class GoalStanding:
    """Who was sent to against who was held out: how many did the goal."""

    goal: str
    sent: Arm
    held_out: Arm
    gain: Interval


def letter(position: int) -> str:
    """A for the first variant, and so on."""
    return "ABCDE"[position] if 0 <= position < 5 else str(position + 1)


def is_test(campaign: Campaign) -> bool:
    """Whether the launched campaign has several variants. Reads campaign.dispatch."""
    return campaign.dispatch is not None and len(Policy.from_json(campaign.dispatch.policy).shares) > 1


def standing_of(campaign: Campaign) -> Standing:
    """The test of a launched campaign as it is now. Cost: README, "Figures"."""
    dispatch = _dispatch(campaign)
    policy = Policy.from_json(dispatch.policy)
    found = _people(dispatch, policy)
    counts = [found.get(place, (0, 0, 0, 0)) for place in range(len(policy.shares))]
    by = 1 if campaign.winner_by == "opened" else 2
    arms = [Arm(one[0], one[by]) for one in counts]
    opt_outs = [Arm(one[0], one[3]) for one in counts]
    mixture = _mixture(dispatch, policy)
    verdict = judge(arms, opt_outs, mixture=mixture)
    alpha = winner_alpha(len(arms))
    tested = policy.bounds[-1]
    variants = [
        VariantStanding(
            place,
            100 * policy.shares[place] / tested,
            *counts[place],
            rate=rate_interval(arm, mixture=mixture),
            gain=difference(arms[0], arm, mixture=mixture, alpha=alpha) if place else None,
            p_value=p_value(arms[0], arm, mixture=mixture) if place else None,
            is_guarded=place in verdict.guarded,
        )
        for place, arm in enumerate(arms)
    ]
    return Standing(campaign.winner_by, variants, verdict, mixture, tested, held_devices(dispatch))


def goal_standing(campaign: Campaign) -> GoalStanding | None:
    """What the push won over sending nothing; None where nobody was held out or no goal is set."""
    if not campaign.goal_event or campaign.dispatch is None or not campaign.holdout_percent:
        return None
    dispatch = campaign.dispatch
    found: Mapping[bool, tuple[int, int]] = {
        is_held_out: (people, did)
        for is_held_out, people, did in rows(
            "campaigns",
            "goal_people",
            {
                "planned_on": dispatch.planned_on,
                "dispatch_id": dispatch.pk,
                "app_id": dispatch.app_id,
                "goal": campaign.goal_event,
                "since": dispatch.created_at,
            },
        )
    }
    sent, held_out = Arm(*found.get(False, (0, 0))), Arm(*found.get(True, (0, 0)))
    if not sent.people or not held_out.people:
        return None
    planned = dispatch.planned_people * campaign.holdout_percent / 100
    variance = planned_variance(max(planned, 1), max(dispatch.planned_people - planned, 1), rate=_PLANNED_RATE)
    gain = difference(held_out, sent, mixture=mixture_variance(variance))
    return GoalStanding(campaign.goal_event, sent, held_out, gain)


def held_devices(dispatch: Dispatch) -> int:
    """Devices of the rest that wait for the decision."""
    size = Func(F("device_ids"), function="cardinality", output_field=IntegerField())
    held = Batch.objects.filter(dispatch=dispatch, state="held")
    return int(held.aggregate(devices=Sum(size))["devices"] or 0)


def interval_json(interval: Interval) -> dict[str, float]:
    """Shares, not percent."""
    return {
        "estimate": round(interval.estimate, 6),
        "low": round(interval.low, 6),
        "high": round(interval.high, 6),
    }


def variant_json(one: VariantStanding) -> dict[str, Any]:
    """A variant's `test` in by_variant: people, not devices."""
    return {
        "people": one.people,
        "opened": one.opened,
        "clicked": one.clicked,
        "opt_outs": one.opt_outs,
        "rate": interval_json(one.rate),
        "gain": interval_json(one.gain) if one.gain else None,
        "guarded": one.is_guarded,
    }


def _people(dispatch: Dispatch, policy: Policy) -> dict[int, tuple[int, int, int, int]]:
    found = rows(
        "campaigns",
        "variant_people",
        {
            "planned_on": dispatch.planned_on,
            "dispatch_id": dispatch.pk,
            "salt": policy.salt,
            "tested": policy.bounds[-1],
            "since": dispatch.created_at,
        },
    )
    return {variant: (people, opened, clicked, no) for variant, people, opened, clicked, no in found}


def _mixture(dispatch: Dispatch, policy: Policy) -> float:
    """From what was planned: the two smallest variants are the hardest to tell apart."""
    smallest, next_one = sorted(share * dispatch.planned_people / 100 for share in policy.shares)[:2]
    return mixture_variance(planned_variance(max(smallest, 1), max(next_one, 1), rate=_PLANNED_RATE))


def _dispatch(campaign: Campaign) -> Dispatch:
    if campaign.dispatch is None:
        raise ValueError(f"campaign {campaign.pk} is not launched")
    return campaign.dispatch
