"""What the buttons of the message step do to a draft's variants and languages, before it is stored."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from apps.campaigns.services.drafts import VariantDraft
from apps.campaigns.services.experiment_problems import MOST_VARIANTS

VERBS = ("add", "copy", "remove", "equal", "add_language", "remove_language")


@dataclass(frozen=True, slots=True)
class Edit:
    """verb: one of VERBS, "" = nothing. position: of the variant it is about; language: where it is about one."""

    verb: str = ""
    position: int = 0
    language: str = ""

    def applied(self, variants: Sequence[VariantDraft], default_language: str) -> list[VariantDraft]:
        """The variants afterwards. A number of variants that changed shares the audience equally."""
        after = list(variants)
        if not 0 <= self.position < len(after):
            return after
        chosen = after[self.position]
        match self.verb:
            case "add_language" | "remove_language":
                after[self.position] = replace(chosen, texts=self._languages(chosen.texts, default_language))
                return after
            case "add" | "copy" if len(after) < MOST_VARIANTS:
                blank = {default_language: beginning_of(chosen.texts.get(default_language, {}))}
                after.append(VariantDraft(0, chosen.texts if self.verb == "copy" else blank))
            case "remove" if len(after) > 1:
                del after[self.position]
            case "equal":
                pass
            case _:
                return after
        return equalised(after)

    def fallback_after(self, fallback: int) -> int:
        """The fallback's position once a variant is gone; the first where it was that one."""
        if self.verb != "remove" or fallback < self.position:
            return fallback
        return 0 if fallback == self.position else fallback - 1

    def _languages(self, texts: Mapping[str, Mapping[str, Any]], default: str) -> dict[str, Mapping[str, Any]]:
        if self.verb == "remove_language":
            return {name: text for name, text in texts.items() if name != self.language or name == default}
        if not self.language or self.language in texts:
            return dict(texts)
        return {**texts, self.language: beginning_of(texts.get(default, {}))}


NO_EDIT = Edit()


def equalised(variants: Sequence[VariantDraft]) -> list[VariantDraft]:
    """100 shared as equally as whole numbers allow, the first get what is over."""
    share, over = divmod(100, len(variants))
    return [replace(one, share=share + (place < over)) for place, one in enumerate(variants)]


def beginning_of(text: Mapping[str, Any]) -> dict[str, Any]:
    """What a new language or variant takes over: everything but the words to write."""
    return {name: value for name, value in text.items() if name not in ("title", "body")}
