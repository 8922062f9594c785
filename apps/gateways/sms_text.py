"""How a text travels as SMS: its alphabet, its parts, and which characters make it dear.

A text of GSM-7 letters has 160 of them in one part and 153 in each of several; one letter outside that alphabet turns
the whole text into UCS-2 with 70 and 67. Source: 3GPP TS 23.038 (alphabet), TS 23.040 (concatenation).
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

MOST_PARTS = 10

_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ"
    " !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENDED = frozenset("^{}\\[~]|€\f")
_OPT_OUT = re.compile(
    r"\b(stop|opt[ -]?out|unsubscribe|end|quit|wypis\w*|rezygn\w*|abmeld\w*|baja|alto)\b", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class TextSize:
    """encoding: "GSM-7" or "UCS-2". units: septets or 16-bit units used. left: units until the next part begins.

    culprits: the characters outside GSM-7, each once, in the order of the text; gsm_parts: parts without them.
    """

    encoding: str
    units: int
    parts: int
    left: int
    culprits: tuple[str, ...]
    gsm_parts: int


def measure(text: str) -> TextSize:
    """The size of a text; 0 parts for an empty one. A character of two units is never split over two parts."""
    culprits = tuple(dict.fromkeys(letter for letter in text if letter not in _BASIC and letter not in _EXTENDED))
    gsm = _fill(text, _septets, single=160, joined=153)
    if not culprits:
        return TextSize("GSM-7", *gsm, (), gsm[1])
    return TextSize("UCS-2", *_fill(text, _utf16_units, single=70, joined=67), culprits, gsm[1])


def mentions_opt_out(text: str) -> bool:
    """Whether the text tells how to opt out, in one of the words we take as a reply (a hint, not a proof)."""
    return bool(_OPT_OUT.search(text))


def _septets(letter: str) -> int:
    return 2 if letter in _EXTENDED else 1


def _utf16_units(letter: str) -> int:
    return 2 if ord(letter) > 0xFFFF else 1


def _fill(text: Iterable[str], width_of: Callable[[str], int], *, single: int, joined: int) -> tuple[int, int, int]:
    """(units, parts, units left in the last part)."""
    widths = [width_of(letter) for letter in text]
    units = sum(widths)
    if units <= single:
        return units, min(units, 1), single - units
    parts, used = 1, 0
    for width in widths:
        if used + width > joined:
            parts, used = parts + 1, 0
        used += width
    return units, parts, joined - used
