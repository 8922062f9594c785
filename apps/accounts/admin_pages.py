"""Links from one page of the admin to another: only where the page exists and the person may open it."""

from typing import Any

from django.apps import apps
from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse


def page_of(request: HttpRequest, model: str, page: str = "changelist", *args: Any) -> str:
    """The address of a model's page ("devices.device", "changelist" | "add" | "change", pk); "" where it is closed."""
    model_admin = admin.site._registry.get(apps.get_model(model))
    if model_admin is None:
        return ""
    is_open = model_admin.has_add_permission if page == "add" else model_admin.has_view_permission
    return reverse(f"admin:{model.lower().replace('.', '_')}_{page}", args=args) if is_open(request) else ""
