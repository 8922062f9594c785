"""What the parser complains of, in words for whoever wrote the text. The parser's own words are for programmers."""

import re

from django.utils.translation import gettext as _

_ENDLESS = re.compile(r"expected tag end(\w+), found")
_QUOTES = "“”„‟«»‘’‚"


def syntax_words(message: str, source: str, start: int) -> str:
    """One sentence that says what to do about `message`, which the parser has at `start` of `source`."""
    rest = source[max(start, 0) :]
    endless = _ENDLESS.match(message)
    if endless:
        words = {"tag": endless[1]}
        return _("the {%% %(tag)s %%} before this place is never ended: write {%% end%(tag)s %%} where it ends") % words
    if message.startswith("expected '}}'"):
        return _("these brackets are never closed: write }} after the name")
    if message.startswith("unexpected"):
        return _unexpected(rest[:1])
    if message in ("missing expression",) or message.startswith("expected a primitive expression"):
        return _("nothing stands between the brackets: write the name of a fact, or take them out")
    if message.startswith("expected word"):
        return _("after | comes what to do with it, such as default")
    if message.startswith("expected end of expression"):
        return _superfluous(message)
    return _("this cannot be read: look at its brackets, quotation marks and spelling")


def _unexpected(sign: str) -> str:
    if sign == "{":
        return _("brackets stand inside of brackets: close the first ones with }} before")
    if sign in _QUOTES:
        return _("these are typographic quotation marks: type the plain ones of the keyboard")
    if sign in "\"'":
        return _("this quotation mark has no partner: write one more where the words end")
    return _("%(sign)s cannot stand here") % {"sign": sign or "}}"}


def _superfluous(message: str) -> str:
    if "found string" in message:
        return _("a colon is missing before these words, as in default: …")
    if "found word" in message:
        return _("two words stand side by side: the name of a fact has no spaces, but _")
    if "found '='" in message:
        return _("to compare, write == with two signs")
    return _("this cannot be read: look at its brackets, quotation marks and spelling")
