"""The team of the demo world: one person for each role, with a password made once."""

import secrets
from collections.abc import Mapping

from django.contrib.auth.models import Group

from apps.accounts.models import App, Membership, User

TEAM = ("owner", "marketer", "approver", "developer", "analyst")


def make_apps() -> tuple[App, App]:
    """The shop, where everything happens, and a second tenant, to show that apps are apart."""
    shop, _ = App.objects.get_or_create(
        slug="shop", defaults={"name": "Sunny Shop", "default_country": "US", "link_schemes": ["sunnyshop"]}
    )
    news, _ = App.objects.get_or_create(slug="news", defaults={"name": "Morning News"})
    return shop, news


def make_team(*, apps: tuple[App, ...], known: Mapping[str, str]) -> dict[str, str]:
    """Create or refresh the five users; returns {name: password}, reusing passwords already `known`.

    The owner is a superuser and works in every app; the others work in the first app.
    """
    passwords = {name: known.get(name) or secrets.token_urlsafe(9) for name in TEAM}
    for name, password in passwords.items():
        is_owner = name == "owner"
        user, _ = User.objects.update_or_create(
            username=name,
            defaults={
                "first_name": name.capitalize(),
                "email": f"{name}@example.com",
                "is_staff": True,
                "is_superuser": is_owner,
            },
        )
        user.set_password(password)
        user.save(update_fields=["password"])
        user.groups.set([Group.objects.get(name=name)])
        for app in apps if is_owner else apps[:1]:
            Membership.objects.get_or_create(user=user, app=app)
    return passwords
