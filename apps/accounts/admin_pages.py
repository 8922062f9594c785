"""Pages of the admin that draw themselves, and links to them: only where the page exists and the person may open it."""

from typing import Any

from django.apps import apps
from django.contrib import admin
from django.contrib.admin import ModelAdmin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse

type AnyAdmin = ModelAdmin[Any]


def page_of(request: HttpRequest, model: str, page: str = "changelist", *args: Any) -> str:
    """The address of a model's page ("devices.device", "changelist" | "add" | "change", pk); "" where it is closed."""
    model_admin = admin.site._registry.get(apps.get_model(model))
    if model_admin is None:
        return ""
    is_open = model_admin.has_add_permission if page == "add" else model_admin.has_view_permission
    return reverse(f"admin:{model.lower().replace('.', '_')}_{page}", args=args) if is_open(request) else ""


def refuse_method(request: HttpRequest, allowed: str, back: str) -> HttpResponse:
    """405 as a page: somebody opened the address of a button. back: the page that has it."""
    return TemplateResponse(request, "405.html", {"back": back}, status=405, headers={"Allow": allowed})


def draw_page(
    model_admin: AnyAdmin,
    request: HttpRequest,
    template: str,
    context: dict[str, Any],
    status: int = 200,
    *,
    place: str = "",
) -> HttpResponse:
    """A page of a model's own making, with the frame that every page of the admin has.

    place: what the header says instead of the model's name, where the menu calls the page by another.
    """
    request.current_app = model_admin.admin_site.name  # type: ignore[attr-defined]
    request.place = place  # type: ignore[attr-defined]
    frame = {**model_admin.admin_site.each_context(request), "opts": model_admin.opts}
    return TemplateResponse(request, template, {**frame, **context}, status=status)
