"""Model fields of the ground."""

import json
from typing import Any

from django.db import models

from apps.core.encryption import decrypt, encrypt


class EncryptedJSONField(models.TextField):  # type: ignore[type-arg]
    """A JSON value kept encrypted in a text column. Cannot be filtered on; "" means nothing stored."""

    _pyi_private_set_type: Any  # for django-stubs: any JSON value goes in

    def from_db_value(self, value: str | None, *_: Any) -> Any:
        return json.loads(decrypt(value)) if value else None

    def get_prep_value(self, value: Any) -> str:
        return "" if value is None else encrypt(json.dumps(value, separators=(",", ":"), ensure_ascii=False))

    def to_python(self, value: Any) -> Any:
        return value
