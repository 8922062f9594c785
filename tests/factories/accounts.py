"""Apps and the people who work in them."""

from itertools import count
from typing import Any

from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.contrib.auth.models import Group

from apps.accounts.models import App, Membership, User

_numbers = count(1)
# "secret-for-tests", hashed once in one round: a million rounds for each user would be most of a test's time.
_PASSWORD = PBKDF2PasswordHasher().encode("secret-for-tests", "salt", iterations=1)


def make_app(**fields: Any) -> App:
    """A tenant with a slug of its own."""
    slug = fields.pop("slug", f"shop-{next(_numbers)}")
    return App.objects.create(**{"slug": slug, "name": slug.title(), "default_country": "PL", **fields})


def make_user(*apps: App, role: str = "", **fields: Any) -> User:
    """A staff user who works in `apps`; `role` names an existing group; is_superuser=True sees everything."""
    username = fields.pop("username", f"user-{next(_numbers)}")
    user = User.objects.create(username=username, password=_PASSWORD, is_staff=True, **fields)
    Membership.objects.bulk_create(Membership(user=user, app=app) for app in apps)
    if role:
        user.groups.add(Group.objects.get(name=role))
    return user
