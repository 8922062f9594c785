"""/preferences/{signed}: a person says what they want to hear, without logging in.

The link is the key: it names the person and is signed, and no cookie counts, so there is nothing that another site
could make a browser do (hence no CSRF token). GET changes nothing, for mail and chat programs open every link before
people do. Links that are forged, too old or of an erased person all get the same answer.
"""

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.template.response import TemplateResponse
from django.utils import timezone
from django.views.decorators.csp import csp_override
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from apps.api import rate
from apps.api.views.signed_page import HEADERS, POLICY
from apps.core.client_address import client_address
from apps.customers.models import Customer
from apps.customers.preference_links import read_signed
from apps.customers.services.preferences import customer_of, preferences_of, save_preferences, stop_everything

# Of one person, and of one address with links that do not work: a phone network hides thousands behind one address.
MOST_A_MINUTE = 30
MOST_CHOICES = 200


@csrf_exempt
@csp_override(POLICY)
@require_http_methods(["GET", "HEAD", "POST"])
def preferences(request: HttpRequest, signed: str) -> HttpResponse:
    """Show the choices (GET), or write them down (POST) and show them again."""
    key = read_signed(signed, now=timezone.now())
    caller = f"person:{key.customer_id}" if key else client_address(request)
    allowance = rate.take(f"preferences:{caller}", MOST_A_MINUTE)
    if allowance.is_over:
        headers = {"Retry-After": str(allowance.reset_seconds)}
        return _page(request, "customers/preferences/wait.html", {}, 429, headers)
    customer = customer_of(key) if key else None
    if customer is None:
        return _page(request, "customers/preferences/gone.html", {}, 404)
    if request.method == "POST":
        _write_down(request.POST, customer)
        return HttpResponseRedirect(f"{request.path}?saved", headers=HEADERS)
    found = preferences_of(customer)
    context = {"app": customer.app, "preferences": found, "is_saved": "saved" in request.GET}
    return _page(request, "customers/preferences/page.html", context)


def _write_down(form: QueryDict, customer: Customer) -> None:
    """Either "stop everything" (also as a mail program's one click, RFC 8058), or the switches as they were sent."""
    now = timezone.now()
    if "stop" in form or form.get("List-Unsubscribe") == "One-Click":
        stop_everything(customer=customer, now=now)
    else:
        save_preferences(customer=customer, shown=_shown(form), chosen=set(form.getlist("on")), now=now)


def _shown(form: QueryDict) -> dict[str, int]:
    """{subject: version} of the hidden fields "<version> <subject>"; whatever is not of that form is left out."""
    shown = {}
    for entry in form.getlist("shown")[:MOST_CHOICES]:
        version, _blank, subject = entry.partition(" ")
        if version.isascii() and version.isdigit() and len(version) < 10 and subject.isprintable():
            shown[subject] = int(version)
    return shown


def _page(
    request: HttpRequest,
    template: str,
    context: dict[str, object],
    status: int = 200,
    headers: dict[str, str] | None = None,
) -> HttpResponse:
    return TemplateResponse(request, template, context, status=status, headers={**HEADERS, **(headers or {})})
