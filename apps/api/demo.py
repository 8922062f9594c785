"""The keys of the demo world, and the file that tells where to log in."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from apps.accounts.models import App
from apps.api.models import ApiKey
from apps.api.scopes import PUBLISHABLE, SCOPES
from apps.api.services.keys import create_api_key

FILE_NAME = "demo-logins.json"
_KINDS = {"secret": "live", "test": "test", "publishable": "pub"}


@dataclass(frozen=True, slots=True)
class Logins:
    """What demo-logins.json holds (the contract's section 1)."""

    url: str
    sandbox_url: str
    users: Mapping[str, str]
    api_keys: Mapping[str, str]
    app: str

    def as_json(self) -> str:
        return json.dumps(
            {
                "url": self.url,
                "sandbox_url": self.sandbox_url,
                "users": dict(self.users),
                "api_keys": dict(self.api_keys),
                "app": self.app,
            },
            indent=1,
        )


def known_logins(data_dir: Path) -> dict[str, Any]:
    """The file's content, or {} before the first run."""
    path = data_dir / FILE_NAME
    content: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    return content


def make_keys(*, app: App, known: Mapping[str, str], now: datetime) -> dict[str, str]:
    """{name: key}: those already known while the app still has keys of that name, new ones otherwise."""
    keys = {}
    for name, kind in _KINDS.items():
        kept = ApiKey.objects.filter(app=app, kind=kind, name=f"demo {name}", revoked_at=None)
        if name in known and kept.exists():
            keys[name] = known[name]
            continue
        kept.delete()
        scopes = PUBLISHABLE if kind == "pub" else SCOPES
        _row, keys[name] = create_api_key(app=app, kind=kind, scopes=list(scopes), name=f"demo {name}", now=now)
    return keys


def write_logins(*, data_dir: Path, logins: Logins) -> None:
    """Replace the file whole, readable by its owner alone."""
    path = data_dir / FILE_NAME
    partial = path.with_suffix(".partial")
    partial.touch(mode=0o600)
    partial.write_text(logins.as_json())
    partial.replace(path)
