"""How many parts a text message has, counted here for itself so that it can witness the product's own count.

Source: 3GPP TS 23.038 (GSM 7-bit default alphabet), TS 23.040 (concatenation).
"""

_BASIC = set(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENDED = set("^{}\\[~]|€\f")


def part_count(text: str) -> int:
    """Parts of a text; 1 for an empty one."""
    if set(text) <= _BASIC | _EXTENDED:
        return _parts([2 if letter in _EXTENDED else 1 for letter in text], single=160, joined=153)
    return _parts([2 if ord(letter) > 0xFFFF else 1 for letter in text], single=70, joined=67)


def _parts(widths: list[int], single: int, joined: int) -> int:
    """Parts of letters of these widths; no letter is split over two parts."""
    if sum(widths) <= single:
        return 1
    count, used = 1, 0
    for width in widths:
        if used + width > joined:
            count, used = count + 1, 0
        used += width
    return count
