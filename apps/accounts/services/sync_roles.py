"""Make the groups say what the table of roles says."""

from collections.abc import Iterable

from django.contrib.auth.models import Group, Permission

from apps.accounts.roles import ROLES


class UnknownPermission(Exception):
    """The table of roles names a permission that no model has."""


def sync_roles(*, app_label: str, models: Iterable[str]) -> int:
    """Give each role exactly its permissions over one app's models; returns how many permissions changed hands.

    `models` are the app's model names in lower case. Touches only permissions of that app; permissions of other
    apps, and groups that are no role, are left alone. Raises UnknownPermission naming a misspelt entry.
    """
    known = {
        permission.codename: permission
        for permission in Permission.objects.filter(content_type__app_label=app_label, content_type__model__in=models)
    }
    changed = 0
    for role in ROLES.values():
        group, _ = Group.objects.get_or_create(name=role.name)
        wanted = role.codenames(app_label)
        if missing := wanted - known.keys():
            raise UnknownPermission(f"role {role.name}: {app_label} has no permission {sorted(missing)}")
        held = set(group.permissions.filter(content_type__app_label=app_label).values_list("codename", flat=True))
        group.permissions.add(*(known[codename] for codename in wanted - held))
        group.permissions.remove(*(known[codename] for codename in (held - wanted) & known.keys()))
        changed += len(wanted ^ held)
    return changed
