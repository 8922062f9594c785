"""How a word of the code is said to people: kept beside each app's states, used by its screens."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Word:
    """name: as short as a table needs; meaning: one sentence. tone: good, warn, bad, mute or accent (theme.css)."""

    name: Any
    meaning: Any
    tone: str = "mute"
