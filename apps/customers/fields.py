"""The column of a phone or an e-mail: plain on the object, sealed in the row."""

from typing import Any

from django.db import models

from apps.core.sealing import MARK, is_sealed
from apps.customers.sealed import BrokenContact, PlainContact, opened, seal


class NotSealed(Exception):
    """A plain contact was about to be stored, or compared with what is stored, past the sealing door."""


class SealedField(models.TextField):  # type: ignore[type-arg]
    """A text of one kind (sealed.EMAIL, sealed.PHONE) of a row that has an `app_id`. "" means nothing stored, or what
    cannot be opened (sealed.BrokenContact).

    Look up by `sealed.forms_of`; whoever asks for the plain value, or for a part of it, is told NotSealed.
    """

    def __init__(self, *args: Any, kind: str = "", **kwargs: Any) -> None:
        self.kind = kind
        super().__init__(*args, **kwargs)

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        return name, path, args, {**kwargs, "kind": self.kind}

    def from_db_value(self, value: str | None, *_: Any) -> str | None:
        return opened(value) if value else value

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        value = super().pre_save(model_instance, add)
        is_text = isinstance(value, str) and value
        return seal(model_instance.app_id, self.kind, value) if is_text else value  # type: ignore[attr-defined]

    def get_prep_value(self, value: Any) -> Any:
        if isinstance(value, BrokenContact):
            return value.kept
        if isinstance(value, str) and value and not is_sealed(value) and not isinstance(value, PlainContact):
            raise NotSealed(f"{self.name} is kept sealed: write it through the model, look it up by sealed.forms_of")
        return super().get_prep_value(value)


def is_open(*columns: str) -> models.Q:
    """A row whose contact in any of these columns lies there as before they were sealed: for an index and its query."""
    condition = models.Q()
    for column in columns:
        condition |= ~models.Q(**{column: ""}) & ~models.Q(**{f"{column}__startswith": MARK})
    return condition
