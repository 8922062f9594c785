"""The engine's rows. Plan = Batch, ledger = Delivery, what failed for the moment = Retry; nothing else is truth."""

from apps.deliveries.models.dispatches import KINDS, LANES, Content, CriticalAlert, Dispatch, PersonalFacts, SendingStop
from apps.deliveries.models.habits import HabitsRun, OpeningHour
from apps.deliveries.models.ledger import Delivery, DispatchCount, HourCount, LedgerPage, Receipt
from apps.deliveries.models.meters import Meter
from apps.deliveries.models.plan import Batch, PaceBucket, Retry

__all__ = [
    "KINDS",
    "LANES",
    "Batch",
    "Content",
    "CriticalAlert",
    "Delivery",
    "Dispatch",
    "DispatchCount",
    "HabitsRun",
    "HourCount",
    "LedgerPage",
    "Meter",
    "OpeningHour",
    "PaceBucket",
    "PersonalFacts",
    "Receipt",
    "Retry",
    "SendingStop",
]
