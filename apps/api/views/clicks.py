"""/c/{signed}: somebody follows a counted link. Leads where the stored message says, never where the address says.

Forged links, purged messages and people who are gone all get the same page. No cookie is set or read. What programs
open by themselves (HEAD, link previews, prefetching) is led on as well, and counts for nothing.
"""

import re

from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.encoding import iri_to_uri
from django.views.decorators.csp import csp_override
from django.views.decorators.http import require_safe

from apps.api import rate
from apps.api.views.signed_page import HEADERS, POLICY
from apps.core.client_address import client_address
from apps.deliveries.services import clicks as pushes
from apps.sms_booster.services import clicks as texts

# Of one link, and of one address with links that do not work.
MOST_A_MINUTE = 30
# Programs that fetch a link to show where it leads, or to look for harm, before a person taps it. Cubot makes phones.
_PROGRAMS = re.compile(
    r"(?<!cu)bot\b|crawl|spider|preview|facebookexternalhit|facebookcatalog|whatsapp/|slurp|embedly|skypeuri|vkshare"
    r"|google-|googleother|mediapartners|headless|python-|curl/|wget/|go-http-client|okhttp|java/|axios/|node-fetch",
    re.IGNORECASE,
)
_AHEAD = re.compile(r"prefetch|prerender|preview", re.IGNORECASE)
_PURPOSES = ("Sec-Purpose", "Purpose", "X-Purpose", "X-Moz")


@csp_override(POLICY)
@require_safe
def click(request: HttpRequest, signed: str) -> HttpResponse:
    """302 to the stored link; 404 where there is none."""
    genuine = pushes.is_genuine(signed) or texts.is_genuine(signed)
    caller = f"link:{signed}" if genuine else client_address(request)
    allowance = rate.take(f"click:{caller}", MOST_A_MINUTE)
    if allowance.is_over:
        wait = {**HEADERS, "Retry-After": str(allowance.reset_seconds)}
        return TemplateResponse(request, "api/click/wait.html", status=429, headers=wait)
    is_person = request.method == "GET" and not is_program(request)
    link = _follow(signed, is_person=is_person) if genuine else ""
    if not link:
        return TemplateResponse(request, "api/click/gone.html", status=404, headers=HEADERS)
    # Not Django's redirect, which refuses long addresses: these are our own, checked when they were written.
    return HttpResponse(status=302, headers={**HEADERS, "Location": iri_to_uri(link)})


def _follow(signed: str, *, is_person: bool) -> str:
    """Of a push or of an SMS: their signatures are made with keys of their own, and of two lengths."""
    now = timezone.now()
    if pushes.is_genuine(signed):
        return pushes.follow_link(delivery_id=signed, is_person=is_person, now=now)
    return texts.follow_link(signed=signed, is_person=is_person, now=now)


def is_program(request: HttpRequest) -> bool:
    """Whether nobody tapped, as far as the request says so. A browser always names itself."""
    agent = request.headers.get("User-Agent", "")
    ahead = any(_AHEAD.search(request.headers.get(name, "")) for name in _PURPOSES)
    return not agent or ahead or bool(_PROGRAMS.search(agent))
