"""What "unclear" (`unknown_outcome`) means, in plain words, for reports, people's pages, a message's story and the API.

A try got no answer, so the message may have arrived, whatever was said to a later one; its code is that later answer.
"""

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.gateways.contract import GONE_CODES

# Found gone before the next try was made (services.prepare).
RETIRED_BEFORE = "retired_before"
UNCLEAR = gettext_lazy(
    "It may have arrived: a try got no answer, and no later one went through, for example because the app was removed."
)


def unclear_text(code: str) -> str:
    """Of one delivery."""
    if code in GONE_CODES or code == RETIRED_BEFORE:
        return _(
            "It may have arrived before: a try got no answer. Then the address was no good any more, as when the app is"
            " removed."
        )
    if code == "crashed":
        return _("It may have arrived: sending it was cut off again and again before an answer came.")
    return _("It may have arrived: no answer came back.")


def is_gateways_word(code: str) -> bool:
    """Whether the code is an answer of the gateway and not our own."""
    return code not in ("", "crashed", "may_have_arrived", RETIRED_BEFORE)
