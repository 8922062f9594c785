"""Message templates: kept from the builder, looked at in their list, chosen where a campaign begins."""

from typing import Any, ClassVar

from django.contrib import admin
from django.contrib.admin import ModelAdmin
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from apps.accounts.admin_first_step import FirstStep
from apps.accounts.admin_scope import AppScopedAdmin
from apps.campaigns.admin_draft import language_name
from apps.campaigns.models import Campaign, MessageTemplate
from apps.campaigns.services.templates import save_template
from apps.core.problems import InvalidInput

type Admin = ModelAdmin[Campaign]


def keep(model_admin: Admin, request: HttpRequest, campaign: Campaign) -> HttpResponse:
    """Keep the draft's message under the name that was typed; says so, or why not."""
    actor: Any = request.user
    context: dict[str, Any] = {"campaign": campaign}
    try:
        name = request.POST.get("template_name", "")
        context["kept"] = save_template(campaign=campaign, name=name, actor=actor, now=timezone.now())
    except InvalidInput as refusal:
        context["problems"] = refusal.problems
    return TemplateResponse(request, "campaigns/templates/kept.html", context)


@admin.register(MessageTemplate)
class MessageTemplateAdmin(AppScopedAdmin):
    """Templates with what they say. They are made in the builder; here they are used, or thrown away."""

    first_step = FirstStep(
        "bookmarks",
        _("No templates yet"),
        _(
            "A template is a message kept to begin other campaigns with, in all its languages. You keep one from "
            "the Message step of a campaign, with “Keep it as a template”."
        ),
        _("Choose a campaign"),
        "admin:campaigns_campaign_changelist",
        "campaigns.change_campaign",
    )
    list_display: ClassVar = ["looks", "speaks", "created_at", "use"]
    list_display_links = None
    list_filter: ClassVar = ["app"]
    search_fields: ClassVar = ["name"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """There is nothing to change on it: the list shows it whole."""
        if self.get_object(request, object_id) is None:
            raise Http404
        return redirect("admin:campaigns_messagetemplate_changelist")

    @display(description=_("message"), ordering="name")
    def looks(self, template: MessageTemplate) -> str:
        return render_to_string("campaigns/templates/looks.html", {"template": template, "text": first_text(template)})

    @display(description=_("languages"))
    def speaks(self, template: MessageTemplate) -> str:
        return ", ".join(language_name(code) for code in sorted(template.texts))

    @display(description="")
    def use(self, template: MessageTemplate) -> str:
        return render_to_string("campaigns/templates/use.html", {"template": template})


def first_text(template: MessageTemplate) -> dict[str, Any]:
    """What it says in the app's language, or in any."""
    texts: dict[str, dict[str, Any]] = template.texts
    return texts.get(template.app.default_language) or next(iter(texts.values()), {})
