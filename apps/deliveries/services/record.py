"""Record: what came of the slices, written in one transaction under the fence of each batch.

A batch that is no longer ours drops out: whoever has it now runs its slice again, as suspect.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random

from apps.core.sql import execute, prepared_rows
from apps.deliveries.services.claim import ChannelKey
from apps.deliveries.services.ledger import LedgerRow, append_outcomes
from apps.deliveries.services.open import Place, Slice, storable
from apps.deliveries.services.verdicts import Final, TryAgain, decide
from apps.deliveries.services.wire import Sent
from apps.deliveries.states import OUTCOMES
from apps.devices.models import Channel
from apps.devices.services.channels import pause_channel, resume_channel
from apps.devices.services.hygiene import Death, retire_devices
from apps.gateways.contract import SendResult, Verdict

_log = logging.getLogger(__name__)

FIRST_PROBE_AFTER = timedelta(seconds=30)

_ACCEPTED = OUTCOMES["accepted"]
# An answer about the message or its address: so the vendor has let us in.
_SAYS_CONFIGURED = {Verdict.ACCEPTED, Verdict.TOKEN_DEAD, Verdict.MESSAGE_BAD}


@dataclass(slots=True)
class _Findings:
    """All that the slices of one transaction came to."""

    outcomes: list[LedgerRow] = field(default_factory=list)
    retries: list[tuple[Slice, Place, TryAgain]] = field(default_factory=list)
    deaths: list[Death] = field(default_factory=list)
    closed_channels: dict[ChannelKey, str] = field(default_factory=dict)
    working_channels: set[int] = field(default_factory=set)


def record_slices(*, sent: Sequence[Sent], now: datetime, chance: Random, may_repeat: bool = False) -> set[int]:
    """Write these slices down; returns the ids of the batches that were still ours. Call inside a transaction.

    may_repeat: see append_outcomes. Touches ledger, Retry, LedgerPage, batches, devices, channels.
    """
    if not sent:
        return set()
    ours = _advance([one.slice for one in sent])
    found = _Findings()
    for one in sent:
        if one.slice.held.batch_id in ours:
            _judge(one, found, now, chance)
    append_outcomes(outcomes=found.outcomes, now=now, may_repeat=may_repeat)
    _write_retries(found)
    retire_devices(deaths=found.deaths, now=now)
    for channel_id in found.working_channels:
        resume_channel(channel_id=channel_id, now=now)
    for channel, reason in found.closed_channels.items():
        _close_channel(channel, reason, now)
    return ours


def _advance(slices: Sequence[Slice]) -> set[int]:
    found = prepared_rows(
        "deliveries",
        "advance_batches",
        {
            "batch_ids": [one.held.batch_id for one in slices],
            "fences": [one.held.fence for one in slices],
            "firsts": [one.first for one in slices],
            "lasts": [one.last for one in slices],
            "is_end": [one.last == one.held.size for one in slices],
        },
    )
    return {batch_id for (batch_id,) in found}


def _judge(sent: Sent, found: _Findings, now: datetime, chance: Random) -> None:
    slice_ = sent.slice
    for place, result in zip(slice_.places, sent.results, strict=True):
        if result.verdict is Verdict.ACCEPTED:  # nearly all: nothing to weigh
            found.outcomes.append(_row(slice_, place, _ACCEPTED, "", storable(result.vendor_message_id)))
        else:
            _weigh(slice_, place, result, found, now, chance)
    if slice_.is_probe and any(result.verdict in _SAYS_CONFIGURED for result in sent.results):
        found.working_channels.add(slice_.held.channel.channel_id)
    for one in slice_.settled:
        found.outcomes.append(_row(slice_, one.place, one.outcome, one.code, one.vendor_message_id))


def _weigh(slice_: Slice, place: Place, result: SendResult, found: _Findings, now: datetime, chance: Random) -> None:
    """An answer that is no plain yes: another try, or an outcome; and what it says beyond this message."""
    decision = decide(
        result,
        tries=slice_.held.tries,
        is_probe=slice_.is_probe,
        may_have_arrived=slice_.may_have_arrived,
        resends_unknown=slice_.text.policy.on_unknown == "resend",
        expires_at=slice_.held.expires_at,
        now=now,
        chance=chance,
    )
    if isinstance(decision, Final):
        one = slice_.outcome_of(place, decision.outcome, decision.code, result.vendor_message_id)
        found.outcomes.append(_row(slice_, place, one.outcome, one.code, one.vendor_message_id))
    else:
        found.retries.append((slice_, place, decision))
    _learn(slice_, place, result, found, now)


def _learn(slice_: Slice, place: Place, result: SendResult, found: _Findings, now: datetime) -> None:
    """What the answer says about the address and the account, apart from this message."""
    if result.verdict is Verdict.TOKEN_DEAD:
        said = datetime.fromtimestamp(result.token_dead_at, UTC) if result.token_dead_at else slice_.opened_at
        found.deaths.append(Death(place.device_id, result.vendor_code or "token_dead", min(said, now)))
    if result.verdict is Verdict.CONFIG_BAD:
        found.closed_channels[slice_.held.channel] = storable(f"{result.vendor_code} {result.detail}".strip())


def _close_channel(channel: ChannelKey, reason: str, now: datetime) -> None:
    """Unless it was configured anew meanwhile: the answer is about credentials that are no more."""
    if not Channel.objects.filter(id=channel.channel_id, updated_at__gt=channel.updated_at).exists():
        probe_after = now + FIRST_PROBE_AFTER
        is_new = pause_channel(
            channel_id=channel.channel_id, reason=reason, now=now, closed_by="credentials", probe_after=probe_after
        )
        if is_new:
            _log.error("channel %s is stopped, its credentials were refused: %s", channel.channel_id, reason)


def _row(slice_: Slice, place: Place, outcome: int, code: str, vendor_message_id: str) -> LedgerRow:
    held = slice_.held
    return LedgerRow(
        slice_.text.planned_on,
        held.dispatch_id,
        place.customer_id,
        place.device_id,
        held.app_id,
        outcome,
        held.gateway,
        place.platform,
        place.variant,
        held.tries + 1,
        place.language,
        code,
        vendor_message_id,
    )


def _write_retries(found: _Findings) -> None:
    if not found.retries:
        return
    values: dict[str, list[object]] = {
        "dispatch_ids": [one.held.dispatch_id for one, _, _ in found.retries],
        "device_ids": [place.device_id for _, place, _ in found.retries],
        "customer_ids": [place.customer_id for _, place, _ in found.retries],
        "app_ids": [one.held.app_id for one, _, _ in found.retries],
        "gateways": [one.held.gateway for one, _, _ in found.retries],
        "variants": [place.variant for _, place, _ in found.retries],
        "tries": [again.tries for _, _, again in found.retries],
        "reasons": [storable(again.reason) for _, _, again in found.retries],
        "may_have_arrived": [again.may_have_arrived for _, _, again in found.retries],
        "due_at": [again.due_at for _, _, again in found.retries],
        "expires_at": [one.held.expires_at for one, _, _ in found.retries],
        "batch_ids": [one.held.batch_id for one, _, _ in found.retries],
    }
    execute("deliveries", "record_retries", values)
