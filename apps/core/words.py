"""How a word of the code is said to people: kept beside each app's states, used by its screens."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Word:
    """name: as short as a table needs; meaning: one sentence. tone: good, warn, bad, mute or accent (theme.css)."""

    name: Any
    meaning: Any
    tone: str = "mute"


def spoken(key: str) -> str:
    """ "add to cart" for add_to_cart: a name that an app gave an event, a trait or a property, where people read it.

    Where developers read, and where it is typed, a key stays as it is.
    """
    return key.replace("_", " ").strip() or key
