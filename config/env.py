"""What the environment says, and what the data directory remembers where it says nothing.

Every variable X may be given as X_FILE (a path whose content is the value). Outside production, secrets left
unset are generated once in HELIOGRAPH_DATA_DIR/secrets.json, so every command with the same directory agrees.
"""

import base64
import json
import os
import secrets
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import environ

from config.embedded.home import make_data_dir
from config.embedded.locks import Lock

BASE_DIR = Path(__file__).resolve().parent.parent
environ.Env.read_env(BASE_DIR / ".env")


class MissingSetting(SystemExit):
    """A setting that production must have is absent. Ends the program with this one line, whichever program it is."""


def text(name: str, default: str = "") -> str:
    """The value of NAME, or the content of the file that NAME_FILE points at, or the default."""
    path = os.environ.get(f"{name}_FILE")
    if path:
        return Path(path).read_text().strip()
    return os.environ.get(name, default)


def words(name: str, default: str = "") -> list[str]:
    """A comma-separated value as a list without empty entries."""
    return [word.strip() for word in text(name, default).split(",") if word.strip()]


def mail(url: str) -> dict[str, Any]:
    """Django's EMAIL_ settings from smtp://user:password@host:port, smtp+tls:// or smtp+ssl://."""
    found: dict[str, Any] = environ.Env.email_url_config(url)
    return {name: value for name, value in found.items() if name.startswith("EMAIL_")}


ENVIRONMENT = text("HELIOGRAPH_ENV", "demo")
IS_PRODUCTION = ENVIRONMENT == "production"
DATA_DIR = Path(text("HELIOGRAPH_DATA_DIR", str(BASE_DIR / ".heliograph"))).absolute()


def secret(name: str, make: str) -> str:
    """A secret from the environment; outside production, one generated once and kept in the data directory.

    `make` names the recipe: "text" (50 url-safe characters) or "key" (id:base64 of 32 bytes, for encryption).
    """
    given = text(name)
    if given:
        return given
    if IS_PRODUCTION:
        raise MissingSetting(f"{name} is not set: HELIOGRAPH_ENV=production needs it (or {name}_FILE)")
    return _remembered(name, make)


def required_in_production(name: str) -> str:
    """A value that only production must have; elsewhere empty means "embedded"."""
    given = text(name)
    if not given and IS_PRODUCTION:
        raise MissingSetting(f"{name} is not set: HELIOGRAPH_ENV=production needs it (or {name}_FILE)")
    return given


def database(url: str) -> dict[str, Any]:
    """Django's dictionary for a database URL. A socket folder is given as libpq reads it: `...@/name?host=/folder`.

    `?prepare_threshold=None` turns prepared statements off, for a pooler that cannot keep them.
    """
    config = environ.Env.db_url_config(url)
    options = config.get("OPTIONS", {})
    host = options.pop("host", "")
    if options.get("prepare_threshold") == "None":
        options["prepare_threshold"] = None
    return {**config, "ENGINE": "config.postgresql", "HOST": host or config["HOST"]}


def needs_embedded_valkey() -> bool:
    """Whether broker or cache is left to the embedded servers."""
    broker = text("CELERY_BROKER_URL")
    return not broker or not (text("CACHE_URL") or cache_beside(broker))


def cache_beside(broker_url: str) -> str:
    """Database 1 of the Redis or Valkey that is the broker; "" where the broker is something else."""
    url = urlsplit(broker_url)
    return url._replace(path="/1").geturl() if url.scheme in {"redis", "rediss"} else ""


def _remembered(name: str, make: str) -> str:
    """Read or create one secret in secrets.json (0600), replaced whole, by one process at a time."""
    make_data_dir(DATA_DIR)
    path = DATA_DIR / "secrets.json"
    with Lock(DATA_DIR, "secrets").exclusive():
        kept: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
        if name not in kept:
            kept[name] = secrets.token_urlsafe(50) if make == "text" else f"k1:{_random_key()}"
            partial = path.with_suffix(".partial")
            partial.touch(mode=0o600)
            partial.write_text(json.dumps(kept, indent=1))
            partial.replace(path)
    return kept[name]


def _random_key() -> str:
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
