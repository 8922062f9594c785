"""What a key may be allowed to do. The words are public: they stand in keys, in the schema and in refusals."""

from collections.abc import Mapping

from django.utils.translation import gettext_lazy as _

from apps.api.codes import Words

SCOPES: Mapping[str, Words] = {
    "push:send": _("send transactional pushes and read what became of them"),
    "devices:write": _("register, change and delete devices"),
    "devices:read": _("read devices"),
    "customers:write": _("create and change customers"),
    "customers:read": _("read and export customers"),
    "events:write": _("send behavioural events and receipts"),
    "segments:read": _("read segments and their counts"),
    "segments:write": _("recompute segments"),
    "campaigns:read": _("read campaigns and automations, and simulate campaigns"),
    "campaigns:write": _("launch, pause, resume and cancel campaigns; start, pause, resume and end automations"),
    "campaigns:trigger": _("trigger campaigns and let people enter automations"),
    "reports:read": _("read reports, delivery lists and metrics"),
    "webhooks:write": _("manage webhook endpoints"),
    "erase": _("erase customers for good"),
}

# A publishable key stands in the code of an app or a page, where anybody can read it.
PUBLISHABLE = ("devices:write", "devices:read", "events:write")
