"""What people write back: the whole message must be the word, in any case, with any punctuation around it.

"don't stop" is no opt-out; a person reads what is not understood. Add a language: add its words here.
Source: the words Twilio and AWS take, and those the FCC requires (gateways.md, 4.5).
"""

import unicodedata

_STOP = {
    "en": "stop, stop all, stopall, unsubscribe, cancel, end, quit, revoke, opt out, optout, remove, td",
    "pl": "przestań, przestan, rezygnuję, rezygnuje, wypisz, wypisz mnie, nie",
    "de": "stopp, abmelden, abbestellen",
    "fr": "arret, arrêt, arrêter, arreter, desabonner, désabonner",
    "es": "alto, baja, parar, cancelar",
    "it": "basta, cancella, annulla",
    "pt": "parar, sair, cancelar",
}
_START = {"en": "start, unstop, yes", "pl": "tak", "de": "ja", "fr": "oui", "es": "si, sí", "it": "sì"}
_HELP = {"en": "help, info", "pl": "pomoc", "de": "hilfe", "fr": "aide", "es": "ayuda"}


def meaning_of(text: str) -> str:
    """stop, start, help, or "" for everything else."""
    return _MEANINGS.get(plain(text), "")


def plain(text: str) -> str:
    """The message in lower case, its words with single spaces between."""
    letters = (character if character.isalnum() else " " for character in unicodedata.normalize("NFC", text).casefold())
    return " ".join("".join(letters).split())


_MEANINGS = {
    plain(word): meaning
    for meaning, languages in (("help", _HELP), ("start", _START), ("stop", _STOP))
    for words in languages.values()
    for word in words.split(",")
}
