"""The staff's door: the booster's step in the builder, the log of SMS, and what people answered."""

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from apps.accounts.admin_first_step import FirstStep
from apps.accounts.admin_scope import AppScopedAdmin, apps_in_view
from apps.campaigns.admin_rights import register_row_pages
from apps.campaigns.admin_steps import register_step
from apps.core.masking import masked_phone
from apps.customers.contact_search import has_contact, kind_sought
from apps.customers.sealed import PHONE
from apps.deliveries import story_parts
from apps.sms_booster import admin_automation_step  # noqa: F401  (registers its card)
from apps.sms_booster import admin_story_part as story_part
from apps.sms_booster.admin_step import BoosterStep
from apps.sms_booster.admin_trial import PAGES
from apps.sms_booster.models import SmsMessage, SmsReply

register_step(BoosterStep())
register_row_pages(PAGES)
story_parts.register(story_part.PART)

_STATE_COLOURS = {
    "planned": "info",
    "sending": "info",
    "accepted": "info",
    "delivered": "success",
    "failed": "danger",
    "undelivered": "danger",
    "unknown": "warning",
    "over_budget": "warning",
}


class _ReadOnlyAdmin(AppScopedAdmin):
    """Rows that staff only read; a whole phone number is sought among them beside `search_fields`."""

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        if kind_sought(search_term) == PHONE:
            found = queryset.filter(has_contact(queryset, PHONE, search_term, apps_in_view(request)))
            if found.exists():
                return found, False
        return super().get_search_results(request, queryset, search_term)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(SmsMessage)
class SmsMessageAdmin(_ReadOnlyAdmin):
    """Every SMS of every booster, newest first."""

    first_step = FirstStep(
        "sms",
        _("No SMS yet"),
        _(
            "An SMS follows a push that somebody did not open. You switch it on in the SMS Booster step of a "
            "campaign, or add an SMS to an automation."
        ),
        _("Choose a campaign"),
        "admin:campaigns_campaign_changelist",
        "campaigns.change_campaign",
    )
    app_lookup = "app_id"
    list_display: ClassVar = ["to", "campaign", "shown_state", "code", "parts", "planned_at", "settled_at"]
    list_filter: ClassVar = ["state"]
    search_fields: ClassVar = ["=provider_id", "=customer__external_id"]
    search_help_text = _("A whole phone number, customer id or the provider's message id.")
    ordering: ClassVar = ["-id"]
    list_per_page = 50
    show_full_result_count = False
    fields: ClassVar = [
        "campaign",
        "customer",
        "to",
        "body",
        "parts",
        "state",
        "code",
        "provider_id",
        "planned_at",
        "due_at",
        "sending_at",
        "settled_at",
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[SmsMessage]:
        return super().get_queryset(request).select_related("rule__campaign", "step__automation", "customer")

    @display(description=_("to"))
    def to(self, message: SmsMessage) -> str:
        return masked_phone(message.phone)

    @display(description=_("campaign"))
    def campaign(self, message: SmsMessage) -> str:
        return message.source_name

    @display(description=_("state"), ordering="state", label=_STATE_COLOURS)
    def shown_state(self, message: SmsMessage) -> tuple[str, str]:
        return message.state, message.get_state_display()


@admin.register(SmsReply)
class SmsReplyAdmin(_ReadOnlyAdmin):
    """Answers, the ones that nobody understood yet easily filtered."""

    first_step = FirstStep(
        "reply",
        _("No replies yet"),
        _(
            "What people answer to your SMS. STOP, in many languages, is obeyed at once; other answers wait here "
            "to be read."
        ),
    )
    list_display: ClassVar = ["sender", "body", "meaning", "received_at"]
    list_filter: ClassVar = ["app", "meaning"]
    search_fields: ClassVar = ["body"]
    search_help_text = _("A whole phone number, or words of the answer.")
    fields: ClassVar = ["sender", "body", "meaning", "received_at"]
    list_per_page = 50

    @display(description=_("from"))
    def sender(self, reply: SmsReply) -> str:
        return masked_phone(reply.phone)
