"""An image looked at while it is edited: whether phones will get it. It is never fetched when sending."""

from dataclasses import dataclass, field

from django.utils.translation import gettext as _

from apps.core.guarded_http import CallFailed, RefusedUrl, get
from apps.core.image_head import ImageHead, read_image_head

SECONDS = 5.0
# Google's limit for images of notifications, Apple's for attachments.
MOST_ANDROID_BYTES = 1_000_000
MOST_IOS_BYTES = 10_000_000
# Android shows twice as wide as high; what differs more than this is cropped visibly.
WIDE, NARROW = 2.4, 1.6
LEAST_WIDTH = 512


@dataclass(frozen=True, slots=True)
class ImageCheck:
    """problem: why phones will show no image. advice: what they will not show as it is. length None: not said."""

    problem: str = ""
    advice: list[str] = field(default_factory=list)
    head: ImageHead | None = None
    length: int | None = None


def check_image(url: str, *, allows_loopback: bool = False) -> ImageCheck:
    """One GET through the guarded client, of at most its first 64 kB. Never raises. Cost: up to SECONDS."""
    try:
        answer = get(url, seconds=SECONDS, allows_loopback=allows_loopback)
    except RefusedUrl as refusal:
        return ImageCheck(_refusal(refusal))
    except CallFailed:
        return ImageCheck(_("nobody answers at this address"))
    if answer.status in (301, 302, 303, 307, 308):
        return ImageCheck(_("this address only points to another one: use that one"))
    if answer.status != 200:
        return ImageCheck(_("the server answers %(status)s instead of an image") % {"status": answer.status})
    head = read_image_head(answer.body)
    if head is None:
        return ImageCheck(_("this is no JPG, PNG, GIF or WebP image"))
    return ImageCheck(advice=_advice(head, answer.length), head=head, length=answer.length)


def _refusal(refusal: RefusedUrl) -> str:
    if refusal.code == "unresolved":
        return _("there is no such host: check the spelling")
    if refusal.code == "private_address":
        return _("this host is inside of your own network: phones outside cannot reach it")
    return _("this is no address that phones can open: it must begin with https://")


def _advice(head: ImageHead, length: int | None) -> list[str]:
    found = []
    if length is not None and length > MOST_IOS_BYTES:
        found.append(_("larger than 10 MB: iPhones show no image"))
    if length is not None and length > MOST_ANDROID_BYTES:
        found.append(_("larger than 1 MB: Android shows no image"))
    if head.kind == "webp":
        found.append(_("older iPhones do not show WebP"))
    if not NARROW <= head.width / head.height <= WIDE:
        found.append(_("Android shows it twice as wide as high and crops the rest"))
    if head.width < LEAST_WIDTH:
        found.append(_("less than 512 pixels wide: it looks coarse"))
    return found
