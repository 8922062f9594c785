"""MessageFlow's thirteen buttons: the word our SDKs are told, and what stands on them in the languages we know."""

# Place 0 is its button 1. The word is the button's id in the payload.
BUTTONS = (
    "yes", "no", "accept", "decline", "buy_now", "later", "add_to_cart", "no_thanks", "open", "close", "log_in",
    "share", "see_more",
)  # fmt: skip
_LABELS = {
    "en": (
        "Yes", "No", "Accept", "Decline", "Buy now", "Later", "Add to cart", "No, thanks", "Open", "Close", "Log in",
        "Share", "See more",
    ),
    "pl": (
        "Tak", "Nie", "Akceptuj", "Odrzuć", "Kup teraz", "Później", "Dodaj do koszyka", "Nie, dziękuję", "Otwórz",
        "Zamknij", "Zaloguj się", "Udostępnij", "Zobacz więcej",
    ),
    "de": (
        "Ja", "Nein", "Annehmen", "Ablehnen", "Jetzt kaufen", "Später", "In den Warenkorb", "Nein, danke", "Öffnen",
        "Schließen", "Anmelden", "Teilen", "Mehr anzeigen",
    ),
}  # fmt: skip


def label_of(number: int, language: str) -> str:
    """What stands on the button; English where the language has no words here."""
    return _LABELS.get(language.partition("-")[0], _LABELS["en"])[number - 1]
