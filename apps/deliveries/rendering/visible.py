"""What a reader can see of a text: blankness, and characters that hide or turn it."""

import re

# Letters and symbols that print as nothing, beside the categories that str.isprintable already excludes.
_INVISIBLE = frozenset("\u034f\u115f\u1160\u2800\u3164\uffa0\ufe0e\ufe0f")
BIDI_CONTROLS = re.compile(r"[\u202a-\u202e\u2066-\u2069\u200e\u200f\u061c]")
ZERO_WIDTH = re.compile(r"[\u200b\u2060\ufeff\u00ad\u180e]")


def is_blank(text: str) -> bool:
    """Whether nothing of the text would be seen: empty, spaces, zero-width or other invisible characters."""
    if text and "!" <= text[0] <= "~":
        return False
    return not any(
        character.isprintable() and not character.isspace() and character not in _INVISIBLE for character in text
    )
