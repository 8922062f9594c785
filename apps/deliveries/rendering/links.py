"""What becomes of a rendered link: characters that no link may hold are encoded, and analytics tags (UTM) added."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

# A content's fields about its links; no push sent by the API has them.
LINK_FIELDS = ("link_tags", "counts_clicks")
TAG_NAMES = ("utm_source", "utm_medium", "utm_campaign")
WEB = "https://"
_UNSAFE_IN_LINK = re.compile(r"[\x00-\x20\x7f]")
_NOT_IN_SLUG = re.compile(r"[\W_]+")

type Tags = tuple[tuple[str, str], ...]


def read_tags(stored: Mapping[str, Any] | None) -> Tags:
    """Names with encoded values, in the order analytics tools show them; those without a value are left out."""
    given = stored or {}
    return tuple((name, quote(str(given[name]), safe="")) for name in TAG_NAMES if given.get(name))


def encode_unsafe(link: str) -> str:
    """Spaces and control characters percent-encoded: facts may hold "New York"."""
    return _UNSAFE_IN_LINK.sub(lambda found: f"%{ord(found[0]):02X}", link)


def with_tags(link: str, tags: Tags) -> str:
    """The link with the tags it does not have already; query and fragment stay. Links into an app have no tags."""
    if not tags or not link.startswith(WEB):
        return link
    page, hash_sign, fragment = link.partition("#")
    page, question_sign, query = page.partition("?")
    own = f"&{query}"
    added = "&".join(f"{name}={value}" for name, value in tags if f"&{name}=" not in own)
    parts = [part for part in (query.rstrip("&"), added) if part]
    return f"{page}{question_sign or '?'}{'&'.join(parts)}{hash_sign}{fragment}" if added else link


def named_after(body: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The body with its empty utm_campaign filled with the campaign's name; others come back as they are."""
    tags = body.get("link_tags")
    if not isinstance(tags, Mapping) or tags.get("utm_campaign"):
        return dict(body)
    return {**body, "link_tags": {**tags, "utm_campaign": slug(name)}}


def slug(name: str) -> str:
    """ "Spring sale!" -> "spring-sale"."""
    return _NOT_IN_SLUG.sub("-", name.lower()).strip("-")
