"""Words of campaigns that templates need one by one."""

import re
from collections.abc import Mapping
from typing import Any

from django import template
from django.utils.html import conditional_escape, format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import capfirst
from django.utils.translation import gettext

from apps.campaigns import admin_push_settings
from apps.campaigns.models import Campaign
from apps.core.words import spoken
from apps.customers.models import Topic
from apps.deliveries.admin_words import PLATFORM_LABELS

register = template.Library()
_VARIABLE = re.compile(r"""\{\{\s*([\w.]+)\s*(?:\|\s*default:\s*(?:"([^"]*)"|'([^']*)'))?\s*\}\}""")


@register.filter
def variable(name: str) -> str:
    """ "First name" for first_name, "Event: product name" for event.product_name: what the personalise menu offers."""
    root, _dot, part = name.partition(".")
    return capfirst(spoken(f"{root}: {part}" if part else name))


@register.filter
def platform_name(word: str) -> str:
    """ "iOS" for ios."""
    return PLATFORM_LABELS.get(word, word)


@register.filter
def said_settings(text: Mapping[str, Any]) -> list[tuple[str, str]]:
    """How a stored text behaves on the device, in words: (label, value), without what is as usual."""
    return list(admin_push_settings.said_settings(text))


@register.filter
def topic_name(campaign: Campaign) -> str:
    """The topic as people read it; its key where it is gone."""
    found = Topic.objects.filter(app=campaign.app_id, key=campaign.topic).values_list("name", flat=True)
    return found.first() or campaign.topic


@register.filter
def readable(text: str) -> SafeString:
    """A text with its simple variables as chips, "First name or “friend”"; other Liquid stays as it was written."""
    parts, end = [], 0
    for found in _VARIABLE.finditer(text):
        parts += [conditional_escape(text[end : found.start()]), _chip(found[1], found[2] or found[3] or "")]
        end = found.end()
    return mark_safe("".join([*parts, conditional_escape(text[end:])]))  # noqa: S308  (every part is escaped)


def _chip(name: str, fallback: str) -> SafeString:
    words = variable(name)
    if fallback:
        words = gettext("%(name)s or “%(fallback)s”") % {"name": words, "fallback": fallback}
    return format_html('<span class="hg-variable">{}</span>', words)
