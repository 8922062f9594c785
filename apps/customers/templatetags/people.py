"""Words about people for templates."""

from collections.abc import Mapping

from django import template
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

register = template.Library()

_SOURCES: Mapping[str, str | Promise] = {
    "api": _("told by your app"),
    "import": _("from a file"),
    "import_list": _("by a file's list of topics"),
    "sms_reply": _("answered by SMS"),
    "preference_page": _("on the preference page"),
    "preferences": _("on the preference page"),
    "admin": _("written down by staff"),
    "merge": _("kept when two records became one"),
}


@register.filter
def consent_source(source: str) -> str:
    """Where an answer came from, as staff say it."""
    return str(_SOURCES.get(source, source))
