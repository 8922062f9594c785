"""Django's own log of what staff did in the admin: it copies the name of everything that was touched."""

from collections.abc import Collection

from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db.models import Model


def forget_names(model: type[Model], ids: Collection[int]) -> int:
    """Keep that these rows were touched, and by whom, but not what they were called. Returns the entries changed."""
    kind = ContentType.objects.get_for_model(model)
    entries = LogEntry.objects.filter(content_type=kind, object_id__in=[str(one) for one in ids])
    return entries.exclude(object_repr="").update(object_repr="", change_message="")
