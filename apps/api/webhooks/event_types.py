"""What an endpoint may be told: the types of events, and which outcomes and receipts stand behind each."""

from collections.abc import Iterable, Mapping

from django.utils.translation import gettext_lazy as _

from apps.api.codes import Words
from apps.deliveries.feed import RECEIPTS_FROM
from apps.deliveries.states import OUTCOMES, RECEIPT_TYPES

EXCLUDED = "delivery.excluded"
TEST = "webhook.test"
# Dispatches of this kind are the team's own and are not told.
TEST_KIND = "test"


def type_of_outcome(outcome: str) -> str:
    """Every exclusion is of one type; its reason stands in the event's `outcome`."""
    return EXCLUDED if outcome.startswith("excluded:") else f"delivery.{outcome}"


# By the feed's measures, in the order in which a window is told: outcomes before receipts, received before clicked.
TYPE_OF_MEASURE: Mapping[int, str] = {
    **{number: type_of_outcome(word) for word, number in OUTCOMES.items()},
    **{RECEIPTS_FROM + number: f"receipt.{word}" for word, number in RECEIPT_TYPES.items()},
}

MEANINGS: Mapping[str, Words] = {
    "delivery.accepted": _("the gateway took it"),
    "delivery.token_dead": _("the address will never work again"),
    "delivery.message_bad": _("the gateway cannot carry this message"),
    "delivery.expired": _("its time was over before it could be sent"),
    "delivery.cancelled": _("a person stopped it"),
    "delivery.gave_up": _("it was tried as often as it may be"),
    "delivery.unknown_outcome": _("it may have arrived: nobody answered"),
    EXCLUDED: _("it was not sent, for the reason that its outcome says"),
    "receipt.received": _("the device has it"),
    "receipt.displayed": _("it was shown"),
    "receipt.opened": _("the person opened it"),
    "receipt.clicked": _("the person pressed a button or link"),
    "receipt.dismissed": _("the person put it away"),
}
EVENT_TYPES: tuple[str, ...] = tuple(MEANINGS)


def measures_of(types: Iterable[str]) -> frozenset[int]:
    """The feed's measures behind these types."""
    chosen = set(types)
    return frozenset(measure for measure, word in TYPE_OF_MEASURE.items() if word in chosen)
