"""The nearest known word to a mistyped one, for messages of refusal."""

from collections.abc import Iterable
from difflib import get_close_matches


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """' Did you mean x?' with its leading space, or "" where nothing is near."""
    near = get_close_matches(word[:100], list(known), n=1, cutoff=0.6)
    return f" Did you mean {near[0]}?" if near else ""
