"""The staff's door to topics and to the wordings people answer to."""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import path
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from apps.accounts.admin_first_step import FirstStep
from apps.accounts.admin_scope import AppScopedAdmin
from apps.accounts.queries import apps_of
from apps.core.problems import FieldProblem
from apps.customers.models import Customer, Topic, Wording
from apps.customers.queries import default_topics
from apps.customers.services.preferences import preferences_of
from apps.customers.services.profile_fields import clean_topic
from apps.customers.services.wordings import save_topic, write_wording

SUBJECTS = [("push", _("Push")), ("sms", _("SMS"))]


class TopicForm(forms.ModelForm):
    """The key by the rules that the API keeps."""

    class Meta:
        model = Topic
        fields = ("app", "key", "name", "description", "position", "is_shown", "is_default", "cap_count", "cap_days")

    def clean_key(self) -> str:
        problems: list[FieldProblem] = []
        key = clean_topic(self.cleaned_data["key"], pointer="/key", problems=problems)
        for problem in problems:
            self.add_error("key", problem.message)
        return key or ""


@admin.register(Topic)
class TopicAdmin(AppScopedAdmin):
    """What people may choose on the preference page."""

    first_step = FirstStep(
        "sell",
        _("No topics yet"),
        _(
            "A topic is a kind of message, such as offers or news, that people choose on their preference page. A "
            "campaign about a topic goes only to those who chose it."
        ),
        _("New topic"),
        "admin:customers_topic_add",
        "customers.add_topic",
    )
    form = TopicForm
    list_display: ClassVar = ["name", "key", "description", "is_shown", "is_default", "app"]
    list_filter: ClassVar = ["app"]
    search_fields: ClassVar = ["key", "name"]
    ordering: ClassVar = ["app__name", "position", "name"]
    fieldsets: ClassVar = [
        (None, {"fields": ["app", "name", "key", "description"]}),
        (_("Where and for whom"), {"fields": ["position", "is_shown", "is_default"]}),
        (_("Leave people in peace"), {"fields": [("cap_count", "cap_days")]}),
    ]
    actions = None

    def get_queryset(self, request: HttpRequest) -> QuerySet[Topic]:
        return super().get_queryset(request).select_related("app")

    def get_urls(self) -> list[Any]:
        door = self.admin_site.admin_view(self.preview)
        return [path("preview/", door, name="customers_topic_preview"), *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return super().changelist_view(request, {"apps": apps_of(request.user), **(extra_context or {})})

    def preview(self, request: HttpRequest) -> HttpResponse:
        """The preference page of ?app=slug as somebody new would see it; it saves nothing."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        app = get_object_or_404(apps_of(request.user), slug=request.GET.get("app", ""))
        somebody = Customer(app=app, phone="+1", topics=default_topics(app))
        context = {"app": app, "preferences": preferences_of(somebody), "is_preview": True}
        return TemplateResponse(request, "customers/preferences/page.html", context)

    def get_prepopulated_fields(self, request: HttpRequest, obj: Any = None) -> dict[str, list[str]]:
        return {} if obj else {"key": ["name"]}

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """The key is what customers, segments and the API hold."""
        fields = super().get_readonly_fields(request, obj)
        return [*fields, "key"] if obj else fields

    def save_model(self, request: HttpRequest, obj: Topic, form: Any, change: bool) -> None:
        save_topic(topic=obj, author=request.user.get_username(), now=timezone.now())
        if obj.cap_count == 0:
            self.message_user(request, _("A cap of 0 means that nobody will receive a campaign about it."), "WARNING")


class WordingForm(forms.ModelForm):
    """A channel's new wording; topics get theirs from their own page."""

    subject = forms.ChoiceField(choices=SUBJECTS, label=_("About"))

    class Meta:
        model = Wording
        fields = ("app", "subject", "text")


@admin.register(Wording)
class WordingAdmin(AppScopedAdmin):
    """Every wording there ever was, newest first; a new one is added, none is changed."""

    form = WordingForm
    list_display: ClassVar = ["about", "version", "text", "created_at", "created_by", "app"]
    list_filter: ClassVar = ["app"]
    search_fields: ClassVar = ["subject", "text"]
    ordering: ClassVar = ["-created_at", "-id"]
    actions = None

    def get_queryset(self, request: HttpRequest) -> QuerySet[Wording]:
        return super().get_queryset(request).select_related("app")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """An answer must keep the question it was given to."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Wording, form: Any, change: bool) -> None:
        author, now = request.user.get_username(), timezone.now()
        version = write_wording(app=obj.app, subject=obj.subject, text=obj.text, author=author, now=now)
        stored = Wording.objects.get(app=obj.app, subject=obj.subject, version=version)
        obj.pk, obj.version = stored.pk, version
        if stored.created_at != now:
            self.message_user(request, _("These words were in force already; nothing has changed."), messages.WARNING)

    @display(description=_("about"), ordering="subject")
    def about(self, wording: Wording) -> Any:
        return dict(SUBJECTS).get(wording.subject) or wording.subject.removeprefix("topic:")
