"""Who we know, and the files that people come in."""

from apps.customers.models.imports import ImportLine, ImportPart, ImportRun, ImportWording
from apps.customers.models.people import (
    VALUE_TYPES,
    Consent,
    ConsentDay,
    ContactKey,
    Customer,
    Event,
    EventArrival,
    EventType,
    EventWatch,
    SealingStart,
    TombstoneKey,
    Topic,
    TraitType,
    Wording,
)

__all__ = [
    "VALUE_TYPES",
    "Consent",
    "ConsentDay",
    "ContactKey",
    "Customer",
    "Event",
    "EventArrival",
    "EventType",
    "EventWatch",
    "ImportLine",
    "ImportPart",
    "ImportRun",
    "ImportWording",
    "SealingStart",
    "TombstoneKey",
    "Topic",
    "TraitType",
    "Wording",
]
