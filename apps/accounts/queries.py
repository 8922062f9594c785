"""Questions about who works where."""

from collections.abc import Collection

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser, Permission
from django.db.models import Exists, OuterRef, QuerySet

from apps.accounts.models import App, Membership, User


def apps_of(user: AbstractBaseUser | AnonymousUser) -> QuerySet[App]:
    """The apps a user works in; a superuser works in all, an inactive or anonymous one in none."""
    if not user.is_active or user.is_anonymous:
        return App.objects.none()
    if getattr(user, "is_superuser", False):
        return App.objects.all()
    return App.objects.filter(pk__in=Membership.objects.filter(user_id=user.pk).values("app_id"))


def colleagues_of(user: User) -> QuerySet[User]:
    """The people with whom a user shares an app; superusers are shown to superusers only."""
    if user.is_superuser:
        return User.objects.all()
    shared = Membership.objects.filter(user_id=OuterRef("pk"), app__in=apps_of(user))
    return User.objects.filter(Exists(shared), is_superuser=False)


def members_who_may(app: App, permission: str) -> QuerySet[User]:
    """Who works in an app and has a right such as "campaigns.launch_automation" by their role, by name."""
    label, _dot, codename = permission.partition(".")
    allowed = Permission.objects.filter(content_type__app_label=label, codename=codename)
    members = User.objects.filter(is_active=True, memberships__app=app, groups__permissions__in=allowed)
    return members.distinct().order_by("username")


def is_managed_by(person: User, manager: User) -> bool:
    """True if `manager` may change `person`: works in every app that the person works in.

    Without this an owner of one app could set the password of somebody who also works in another.
    """
    if manager.is_superuser:
        return True
    elsewhere = Membership.objects.filter(user=person).exclude(app__in=apps_of(manager))
    return not person.is_superuser and not elsewhere.exists()


def needs_second_factor(user: User) -> bool:
    """True if the person's role asks for a two-step log-in (settings.SECOND_FACTOR_ROLES); superusers are as owners."""
    return bool(settings.SECOND_FACTOR_ROLES) and _has_role(user, settings.SECOND_FACTOR_ROLES)


def is_privileged(user: User) -> bool:
    """True for who can read secrets out or let others in: owners, developers and superusers."""
    return _has_role(user, ("owner", "developer"))


def _has_role(user: User, roles: Collection[str]) -> bool:
    return user.is_superuser or user.groups.filter(name__in=roles).exists()
