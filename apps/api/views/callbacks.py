"""What SMS providers post back to us: delivery reports and replies, believed only with the provider's signature."""

import uuid_utils
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from apps.api.base import refusal_of
from apps.api.refusals import Refusal, refusal_response
from apps.sms_booster.services.callbacks import BadSignature, UnknownProvider, take_callback

FORM = "application/x-www-form-urlencoded"
SIGNATURE_HEADER = "X-Twilio-Signature"


@csrf_exempt
def sms(request: HttpRequest, provider: str) -> HttpResponse:
    """/v2.1/callbacks/sms/{provider}. The answer is empty TwiML: it sends no SMS back."""
    try:
        _take(request, provider)
    except UnknownProvider as error:
        return _refused(request, Refusal("not_found", str(error)))
    except BadSignature as error:
        return _refused(request, Refusal("bad_signature", str(error)))
    except Exception as error:
        return _refused(request, refusal_of(error))
    return HttpResponse("<Response></Response>", content_type="text/xml")


def _take(request: HttpRequest, provider: str) -> None:
    if request.method != "POST":
        raise Refusal("method_not_allowed", headers={"Allow": "POST"})
    if request.content_type != FORM:
        raise Refusal("bad_request", f"post a form ({FORM})")
    take_callback(
        provider=provider,
        form={name: str(value) for name, value in request.POST.items()},
        url=f"{settings.PUBLIC_URL}{request.get_full_path()}",
        signature=request.headers.get(SIGNATURE_HEADER, ""),
        now=timezone.now(),
    )


def _refused(request: HttpRequest, refusal: Refusal) -> HttpResponse:
    return refusal_response(refusal, path=request.path, request_id=str(uuid_utils.uuid7()))
