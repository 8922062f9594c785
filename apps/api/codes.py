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
    "address_not_allowed": Code(403, _("The key may not be used from this address.")),
    "origin_not_allowed": Code(403, _("The key may not be used on pages of this origin.")),
    "identity_required": Code(401, _("The app takes a customer only with an identity token that your server signed.")),
    "identity_invalid": Code(401, _("The identity token does not prove that this customer is logged in.")),
    "key_is_over": Code(409, _("The key is revoked, expired or replaced.")),
    "scope_required": Code(403, _("The key may not do this: it lacks the scope that is named.")),
    "secret_key_required": Code(403, _("A publishable key may not do this.")),
    "live_customer": Code(403, _("A test key writes only people that test keys made; this one is really there.")),
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
    "naive_time": Code(0, _("The time has no offset.")),
    "duplicate": Code(0, _("The same entry stands twice.")),
    # Devices.
    "apns_token_format": Code(0, _("An APNs token is 64 to 200 hexadecimal digits.")),
    "fcm_token_format": Code(0, _("An FCM token is 1 to 4,096 visible ASCII characters.")),
    "other_provider": Code(0, _("The field belongs to another provider than the one that is named.")),
    "endpoint_not_allowed": Code(0, _("The subscription's address is not one of a push service that is allowed.")),
    "p256dh_invalid": Code(0, _("The subscription's key is not a point of the curve P-256.")),
    "auth_must_be_16_bytes": Code(0, _("The subscription's auth secret has not 16 bytes.")),
    "language_tag": Code(0, _("The language is not a tag such as pl or pt-BR.")),
    "time_zone_unknown": Code(0, _("The time zone is not in the IANA list.")),
    # Webhooks.
    "url_invalid": Code(0, _("The text is no address of a server.")),
    "https_required": Code(0, _("The address does not begin with https.")),
    "url_userinfo": Code(0, _("The address holds a user or password.")),
    "url_port": Code(0, _("The address has another port than 443 or 8443.")),
    "url_fragment": Code(0, _("The address has a part after #.")),
    "url_ip_address": Code(0, _("The address names an IP address instead of a host.")),
    "url_unresolved": Code(0, _("The address names a host that cannot be found.")),
    "resolves_to_private_address": Code(0, _("The address leads to something that is not on the internet.")),
    "too_many_endpoints": Code(409, _("The app has as many webhooks as it may have.")),
    "replay_running": Code(409, _("A replay of the webhook is running.")),
    # People.
    "phone_invalid": Code(0, _("The phone number is not a full one.")),
    "phone_not_mobile": Code(0, _("The phone number cannot receive an SMS.")),
    "country_required": Code(0, _("The phone number has no + and the app has no default country.")),
    "country_unknown": Code(0, _("The country is not two letters of ISO 3166-1.")),
    "email_invalid": Code(0, _("The e-mail address is not one.")),
    "channel_unknown": Code(0, _("Consent is given for push or sms.")),
    "attribute_type_conflict": Code(409, _("The trait is known with another type.")),
    "number_as_text": Code(0, _("Warning: looks like a number but came as a text.")),
    "duplicate_in_request": Code(0, _("Warning: the same person stands twice; what came last counts.")),
    "other_app": Code(409, _("The two people belong to different apps.")),
    "customer_erased": Code(409, _("The person was erased and cannot come back under the same id.")),
    "clock_corrected": Code(0, _("Warning: the time was not plausible, the server's is used.")),
    "not_a_list": Code(0, _("The segment is no static list.")),
    # Texts of a notification.
    "template_syntax": Code(0, _("The text is not Liquid.")),
    "unknown_tag": Code(0, _("The text uses a tag that does not exist.")),
    "unknown_filter": Code(0, _("The text uses a filter that does not exist.")),
    "unknown_variable": Code(0, _("The text uses a variable that nothing fills.")),
    "expression_not_allowed": Code(0, _("The text reaches for what no text may use.")),
    "newline_not_allowed": Code(0, _("A title is one line.")),
    "link_scheme": Code(0, _("The link opens with a scheme that the app does not allow.")),
    "link_invalid": Code(0, _("The link is not one.")),
    "image_scheme": Code(0, _("The image is not at an https address.")),
    "image_type": Code(0, _("The image's suffix is of a kind that not every platform shows.")),
    "image_type_unknown": Code(0, _("Warning: the image's kind cannot be told from its address.")),
    "image_type_webp": Code(0, _("Warning: not every platform shows WebP.")),
    "reserved_key": Code(0, _("The gateways keep this key of `data` for themselves.")),
    "key_length": Code(0, _("A key of `data` is too long.")),
    "critical_not_allowed": Code(0, _("The interruption level needs a permission of Apple.")),
    "title_truncated_ios": Code(0, _("Warning: an iPhone cuts the title off.")),
    "title_truncated_android": Code(0, _("Warning: Android cuts the title off.")),
    "body_truncated": Code(0, _("Warning: a collapsed notification cuts the body off.")),
    "bidi_control": Code(0, _("Warning: the text holds characters that turn its direction.")),
    "zero_width": Code(0, _("Warning: the text holds characters that nobody sees.")),
    # A file that is uploaded.
    "file_too_large": Code(413, _("The file is too large.")),
    "id_column_missing": Code(0, _("No column of the file holds the people's ids.")),
    "mapped_twice": Code(0, _("Two columns of the file go to the same place.")),
    "wording_required": Code(0, _("A yes to consent needs the words that people agreed to.")),
    "not_offered": Code(0, _("This is none of the choices that were offered.")),
    "not_storable": Code(0, _("The database cannot store this line.")),
    "payload_near_limit": Code(0, _("Warning: the notification is nearly as large as a gateway carries.")),
    # Push.
    "unknown_token": Code(0, _("Verdict: no device of the app has this token.")),
    "dead_token": Code(0, _("Verdict: the gateway said that this token is gone.")),
    "unknown_customer": Code(0, _("Verdict: the app has no customer of this id.")),
    "already_inside": Code(0, _("Verdict: the customer is in the automation already.")),
    "not_again": Code(0, _("Verdict: the automation does not let the customer in again, or not yet.")),
    "no_live_device": Code(0, _("Verdict: the customer has no device that can be reached.")),
    "no_consent": Code(0, _("Verdict: the customer does not want pushes.")),
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
    "segment_refreshing": Code(409, _("The segment is being computed at this moment.")),
    "segment_too_slow": Code(422, _("The rule takes longer to compute than it may.")),
    "unknown_segment": Code(0, _("There is no such segment in this app.")),
    "in_use": Code(409, _("The thing is still used by others, which are named.")),
    "name_taken": Code(409, _("Another one has this name.")),
    "cycle": Code(0, _("The segment asks about itself.")),
    "audience_missing": Code(409, _("The campaign has no segment to send to.")),
    "empty_audience": Code(409, _("The campaign's audience is empty.")),
    "not_by_api": Code(409, _("The campaign is not one that the API triggers.")),
    "automation_inactive": Code(409, _("The automation is not active: somebody has to start it first.")),
    "automation_paused": Code(409, _("The automation is paused until somebody resumes it.")),
    "trigger_expired": Code(0, _("The trigger was held until its pushes had expired.")),
    "campaign_inactive": Code(409, _("The campaign is not active: somebody has to activate it first.")),
    "campaign_paused": Code(409, _("The campaign is paused.")),
    "capped": Code(0, _("The person has had as many pushes as the frequency cap allows.")),
    "holdout": Code(0, _("The person is in the campaign's hold-out.")),
    "quiet_hours_past_expiry": Code(0, _("The push would expire before the person's quiet hours end.")),
    "excluded_segment": Code(0, _("The person is in a segment that the campaign leaves out.")),
    "not_by_hand": Code(409, _("The campaign goes out by itself: at its times, or when the API asks.")),
    "not_at_rest": Code(409, _("The campaign is not at its end yet: it waits, is scheduled or runs.")),
    "unknown_topic": Code(409, _("The campaign's topic is not one of the app's any more.")),
    "channel_missing": Code(409, _("A gateway that the audience needs has no credentials.")),
    "channel_paused": Code(409, _("A gateway that the audience needs is paused.")),
    "repeat_ended": Code(0, _("The campaign has no time left to repeat at.")),
    "needs_one_launch": Code(0, _("This works only in a campaign that goes out once.")),
    "default_language_missing": Code(0, _("The campaign has no text in the app's language.")),
    "missing_fallback": Code(0, _("Warning: part of the audience lacks a variable that has no default.")),
    "shares_sum": Code(0, _("The shares of the variants do not add up.")),
    "decides_after_expiry": Code(0, _("The A/B test would decide when its pushes have expired.")),
    "variants_identical": Code(0, _("Warning: two variants say the same.")),
    "nothing_to_click": Code(0, _("Warning: the test counts clicks, and a variant has nothing to click.")),
    "decided_by_hand": Code(0, _("Warning: the rest of a test gets nothing if nobody chooses in time.")),
    "test_too_small": Code(0, _("Warning: a variant has so few people that nothing can be said about it.")),
    "unknown_event": Code(0, _("No such event has come in yet.")),
    "unknown_variant": Code(0, _("The campaign has no such variant.")),
    "already_decided": Code(409, _("The A/B test was decided before.")),
    "nothing_held": Code(409, _("Nobody waits for the A/B test's decision.")),
    "schedule_too_far": Code(0, _("The time is more than a year ahead.")),
    "clock_change": Code(0, _("Warning: a clock change moves the local time, or makes it come twice.")),
    "in_quiet_hours": Code(0, _("Warning: the local time lies in the quiet hours, so it goes out when they end.")),
    "missed_hour": Code(0, _("Warning: the local time has passed where part of the audience is.")),
    "dear_characters": Code(0, _("A few characters make every SMS longer, and so dearer, than it need be.")),
    "opt_out_missing": Code(0, _("The SMS does not say how to opt out.")),
    "too_many_parts": Code(0, _("The SMS has more parts than it may.")),
    "launching": Code(409, _("The campaign is being launched at this moment.")),
    "launch_delayed": Code(409, _("The campaign is scheduled; its launch failed and is tried again by itself.")),
    "launch_failed": Code(409, _("The campaign was ready, but its refreshed segments are not.")),
    "sending_stopped": Code(409, _("The emergency stop is on: nothing is launched or sent until it is taken off.")),
    "approval_required": Code(409, _("So many people need a second person's yes first.")),
    "own_request": Code(409, _("Nobody approves what they asked for themselves.")),
    "already_answered": Code(409, _("Somebody else has answered the request.")),
    "approval_void": Code(409, _("What would be sent is not what was asked for; it is a draft again.")),
    "not_a_draft": Code(409, _("Only a draft can be changed.")),
    "stale_version": Code(409, _("Somebody changed it since it was shown.")),
    "segment_broken": Code(409, _("The segment's rule cannot be computed, so nobody is sent to because of it.")),
    "device_gone": Code(409, _("The app is gone from the device, so it cannot be a test device.")),
    "too_many_test_devices": Code(409, _("The app has as many test devices as it may have.")),
    "conflict": Code(409, _("The request cannot be carried out now.")),
    "ttl_shortened": Code(0, _("Warning: it expires earlier than asked; gateways keep no push longer than 28 days.")),
    "image_left_out": Code(0, _("Warning: the push goes out without its image, whose address is not https.")),
    "not_passed_on": Code(0, _("Warning: the field is taken, but does not reach the devices.")),
    # Ourselves.
    "database_unavailable": Code(503, _("The database does not answer. Send the same request again.")),
    "storage_full": Code(503, _("The database's disk is full, so nothing is accepted until there is room.")),
    "internal_error": Code(500, _("A fault of ours. The request id helps us to find it.")),
}


def as_markdown() -> str:
    """The table printed in the README, each code with an anchor of its own."""
    lines = [
        f'| <a id="{code}"></a>`{code}` | {said.status or "field"} | {said.meaning} |'
        for code, said in sorted(CODES.items())
    ]
    return "\n".join(["| Code | Status | Means |", "|---|---|---|", *lines])
