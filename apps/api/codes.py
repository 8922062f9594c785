"""Every code a refusal may carry: its HTTP status where the API itself gives it, and what it means.

The words are public. The page /v2.1/docs/errors shows this table, and `type` of every problem points into it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

# A text that may be translated only when it is shown.
type Words = str | _StrPromise


@dataclass(frozen=True, slots=True)
class Code:
    """status: of a response whose own code this is; 0 = it stands for one field among `errors` only."""

    status: int
    meaning: Words


CODES: Mapping[str, Code] = {
    # Who is asking.
    "missing_api_key": Code(401, _("The request has no API key.")),
    "bad_auth_scheme": Code(401, _("The Authorization header is in another form than Bearer.")),
    "invalid_api_key": Code(401, _("The API key is unknown, revoked or expired, or belongs to another app.")),
    "app_inactive": Code(403, _("The key's app is switched off.")),
    "scope_required": Code(403, _("The key may not do this: it lacks the scope that is named.")),
    "secret_key_required": Code(403, _("A publishable key may not do this.")),
    "bad_signature": Code(403, _("The callback's signature does not match.")),
    "rate_limited": Code(429, _("Too many requests: wait as long as Retry-After says.")),
    # What is asked.
    "not_found": Code(404, _("There is nothing of that name, or it belongs to another app.")),
    "unknown_path": Code(404, _("The API has no such path.")),
    "method_not_allowed": Code(405, _("The path exists, but not with this method.")),
    "unsupported_media_type": Code(415, _("The body is not application/json.")),
    "body_too_large": Code(413, _("The body is larger than 1 MB.")),
    "body_required": Code(400, _("The body is empty.")),
    "encoding": Code(400, _("The body is not UTF-8, or holds half of a surrogate pair.")),
    "json_syntax": Code(400, _("The body is not JSON.")),
    "object_expected": Code(400, _("The body is JSON, but not an object.")),
    "duplicate_key": Code(400, _("An object has the same key twice.")),
    "too_deep": Code(400, _("Objects and lists are nested too deeply.")),
    "nul_not_allowed": Code(400, _("A text holds the character NUL, which cannot be stored.")),
    "unknown_parameter": Code(400, _("The address has a parameter that the call does not know.")),
    "bad_cursor": Code(400, _("The cursor was not made by this list.")),
    "invalid_input": Code(400, _("Fields break rules; `errors` has them all.")),
    "bad_request": Code(400, _("The request cannot be read.")),
    # Fields.
    "required": Code(0, _("A field is missing, or holds nothing that can be seen.")),
    "unknown_field": Code(0, _("There is no such field.")),
    "type": Code(0, _("The value is of another type.")),
    "range": Code(0, _("The number is too small or too large.")),
    "too_long": Code(0, _("The text is too long.")),
    "too_short": Code(0, _("The text is too short.")),
    "too_many": Code(0, _("The list or object has too many entries.")),
    "choice": Code(0, _("The value is none of the allowed words.")),
    "format": Code(0, _("The text is not in the form that the field needs.")),
    "date_format": Code(0, _("The time is not RFC 3339.")),
    "time_zone_required": Code(0, _("The time has no offset.")),
    "control_characters": Code(0, _("A text holds control characters.")),
    "not_available": Code(0, _("The field is known but not available in this version.")),
    # Push.
    "exactly_one_audience": Code(0, _("A push goes to device_tokens, customers or segment: to exactly one of them.")),
    "too_many_recipients": Code(413, _("More than 1,000 recipients: that is a campaign.")),
    "schedule_in_past": Code(0, _("The time is in the past.")),
    "missing_variables": Code(422, _("The texts use variables that nothing fills.")),
    "payload_too_large": Code(0, _("The notification is larger than the gateways carry.")),
    "idempotency_key_reuse": Code(422, _("The idempotency key was used before with another body.")),
    "idempotency_in_progress": Code(409, _("A request with this idempotency key is being worked on.")),
    "idempotency_key_invalid": Code(400, _("The idempotency key is empty, too long or holds control characters.")),
    # State.
    "invalid_transition": Code(409, _("The thing is not in a state in which this can be done.")),
    "segment_broken": Code(409, _("The segment's rule cannot be computed, so nobody is sent to because of it.")),
    "conflict": Code(409, _("The request cannot be carried out now.")),
    # Ourselves.
    "database_unavailable": Code(503, _("The database does not answer; nothing was stored. Try again.")),
    "internal_error": Code(500, _("A fault of ours. The request id helps us to find it.")),
}
