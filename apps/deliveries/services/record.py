"""Record: what came of the slices, written in one transaction under the fence of each batch.

A batch that is no longer ours drops out: whoever has it now runs its slice again, as suspect.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random

from apps.core.sql import execute, rows
from apps.deliveries.services.open import Place, Settled, Slice
from apps.deliveries.services.verdicts import Final, TryAgain, decide
from apps.deliveries.services.wire import Sent
from apps.devices.services.channels import pause_channel, resume_channel
from apps.devices.services.hygiene import Death, retire_devices
from apps.gateways.contract import SendResult, Verdict

FIRST_PROBE_AFTER = timedelta(seconds=30)


@dataclass(slots=True)
class _Findings:
    """All that the slices of one transaction came to."""

    settled: list[tuple[Slice, Settled]] = field(default_factory=list)
    retries: list[tuple[Slice, Place, TryAgain]] = field(default_factory=list)
    deaths: list[Death] = field(default_factory=list)
    closed_channels: dict[int, str] = field(default_factory=dict)
    working_channels: set[int] = field(default_factory=set)


def record_slices(*, sent: Sequence[Sent], now: datetime, chance: Random) -> set[int]:
    """Write these slices down; returns the ids of the batches that were still ours. Call inside a transaction.

    Touches ledger, Retry, LedgerPage, batches, devices, channels. Cost: 12 us a device.
    """
    if not sent:
        return set()
    ours = _advance([one.slice for one in sent])
    found = _Findings()
    for one in sent:
        if one.slice.held.batch_id in ours:
            _judge(one, found, now, chance)
    _write_ledger(found, now)
    _write_retries(found)
    retire_devices(deaths=found.deaths, now=now)
    for channel_id in found.working_channels:
        resume_channel(channel_id=channel_id, now=now)
    for channel_id, reason in found.closed_channels.items():
        pause_channel(channel_id=channel_id, reason=reason, now=now, probe_after=now + FIRST_PROBE_AFTER)
    return ours


def _advance(slices: Sequence[Slice]) -> set[int]:
    found = rows(
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
        decision = decide(
            result,
            tries=slice_.held.tries,
            may_have_arrived=slice_.may_have_arrived,
            resends_unknown=slice_.text.policy.on_unknown == "resend",
            expires_at=slice_.held.expires_at,
            now=now,
            chance=chance,
        )
        if isinstance(decision, Final):
            row = slice_.outcome_of(place, decision.outcome, decision.code, result.vendor_message_id)
            found.settled.append((slice_, row))
        else:
            found.retries.append((slice_, place, decision))
        _learn(slice_, place, result, found, now)
    found.settled += [(slice_, settled) for settled in slice_.settled]


def _learn(slice_: Slice, place: Place, result: SendResult, found: _Findings, now: datetime) -> None:
    """What the answer says about the address and the account, apart from this message."""
    channel_id = slice_.held.channel.channel_id
    if result.verdict is Verdict.TOKEN_DEAD:
        gone_since = datetime.fromtimestamp(result.token_dead_at, UTC) if result.token_dead_at else slice_.opened_at
        found.deaths.append(Death(place.device_id, result.vendor_code or "token_dead", gone_since))
    if result.verdict is Verdict.CONFIG_BAD:
        found.closed_channels[channel_id] = f"{result.vendor_code} {result.detail}".strip()
    elif slice_.is_probe and result.verdict is not Verdict.RETRY:
        found.working_channels.add(channel_id)


def _write_ledger(found: _Findings, now: datetime) -> None:
    if not found.settled:
        return
    values: dict[str, list[object]] = {
        "planned_on": [one.text.planned_on for one, _ in found.settled],
        "dispatch_ids": [one.held.dispatch_id for one, _ in found.settled],
        "customer_ids": [settled.place.customer_id for _, settled in found.settled],
        "device_ids": [settled.place.device_id for _, settled in found.settled],
        "app_ids": [one.held.app_id for one, _ in found.settled],
        "outcomes": [settled.outcome for _, settled in found.settled],
        "gateways": [one.held.gateway for one, _ in found.settled],
        "platforms": [settled.place.platform for _, settled in found.settled],
        "variants": [settled.place.variant for _, settled in found.settled],
        "attempts": [one.held.tries + 1 for one, _ in found.settled],
        "languages": [settled.place.language for _, settled in found.settled],
        "codes": [settled.code for _, settled in found.settled],
        "vendor_message_ids": [settled.vendor_message_id for _, settled in found.settled],
    }
    execute("deliveries", "record_deliveries", {**values, "now": now})


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
        "reasons": [again.reason for _, _, again in found.retries],
        "may_have_arrived": [again.may_have_arrived for _, _, again in found.retries],
        "due_at": [again.due_at for _, _, again in found.retries],
        "expires_at": [one.held.expires_at for one, _, _ in found.retries],
        "batch_ids": [one.held.batch_id for one, _, _ in found.retries],
    }
    execute("deliveries", "record_retries", values)
