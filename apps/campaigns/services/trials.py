"""Trials: the draft as it stands, sent at once to the team's test devices. It is no launch and counts as none."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from apps.accounts.models import App, User
from apps.accounts.services.audit import write_audit
from apps.campaigns.models import Campaign
from apps.campaigns.services.readiness import known_names
from apps.core.problems import FieldProblem, InvalidInput
from apps.customers.models import Customer
from apps.customers.queries import facts_of
from apps.deliveries.models import Dispatch
from apps.deliveries.rendering import analyse
from apps.deliveries.rendering.links import named_after
from apps.deliveries.services.trial import send_trial
from apps.devices.models import Channel, PairedDevice


@dataclass(frozen=True, slots=True)
class Trial:
    """dispatch: None where nothing could be sent. refused: devices left out at once, with the reason in words."""

    dispatch: Dispatch | None
    refused: Sequence[tuple[PairedDevice, str]]


@dataclass(frozen=True, slots=True)
class Tried:
    """What is tried: a draft whose texts may ask for these names. facts: what they say beside the reader's own.

    subject: its name in the audit log; origin: the name under which the engine knows its tests, never that of a launch.
    """

    app: App
    name: str
    subject: str
    origin: str
    names: Collection[str]
    facts: Mapping[str, Any] = field(default_factory=dict)


def tried_campaign(campaign: Campaign) -> Tried:
    return Tried(
        app=campaign.app,
        name=campaign.name,
        subject=f"campaign:{campaign.pk}",
        origin=f"trial:{campaign.pk}",
        names=known_names(campaign),
    )


def try_out(
    *,
    tried: Tried,
    text: Mapping[str, Any],
    customer: Customer | None,
    devices: Sequence[PairedDevice],
    actor: User,
    now: datetime,
) -> Trial:
    """Send `text`, one language of the draft, as `customer` would read it (None: with its fallbacks alone).

    Raises InvalidInput where the text cannot be sent or no device was chosen. Audited. Nothing of the draft changes.
    """
    problems = analyse(text, tried.names, link_schemes=tried.app.link_schemes)
    if not devices:
        problems.append(FieldProblem("/devices", "required", _("choose at least one test device")))
    if problems:
        raise InvalidInput(problems)
    refused = list(_refused(tried.app, devices))
    left_out = {paired.pk for paired, _reason in refused}
    chosen = [paired for paired in devices if paired.pk not in left_out]
    if not chosen:
        return Trial(None, refused)
    with transaction.atomic():
        dispatch = send_trial(
            app=tried.app,
            devices=[paired.device for paired in chosen],
            body=named_after(text, tried.name),
            facts={**(facts_of(customer) if customer else {}), **tried.facts},
            origin=tried.origin,
            name=tried.name,
            now=now,
        )
        write_audit(
            app=tried.app,
            actor=actor,
            action=f"{tried.subject.partition(':')[0]}.tried",
            subject=tried.subject,
            details={"dispatch": dispatch.pk, "devices": [paired.device_id for paired in chosen]},
            now=now,
        )
    return Trial(dispatch, refused)


def _refused(app: App, devices: Sequence[PairedDevice]) -> list[tuple[PairedDevice, str]]:
    """Devices that no push could leave for now: it would wait until it expires, and nobody would know why."""
    channels = {channel.gateway: channel for channel in Channel.objects.filter(app=app)}
    return [(paired, reason) for paired in devices if (reason := _refusal(paired, channels.get(paired.device.gateway)))]


def _refusal(paired: PairedDevice, channel: Channel | None) -> str:
    if paired.device.state not in ("active", "stale"):
        return _("The app is gone from this device.")
    names = {"gateway": paired.device.get_gateway_display()}
    if channel is None:
        return _("%(gateway)s has no credentials yet.") % names
    if channel.state != "active":
        return _("%(gateway)s is paused: %(reason)s") % {**names, "reason": channel.paused_reason}
    return ""
