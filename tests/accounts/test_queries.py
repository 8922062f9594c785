"""Who works where, and who manages whom."""

import pytest
from django.contrib.auth.models import AnonymousUser

from apps.accounts.queries import apps_of, colleagues_of, is_managed_by
from tests.factories import make_app, make_user

pytestmark = pytest.mark.django_db


def test_a_user_works_in_the_apps_of_their_memberships():
    mine, _other = make_app(), make_app()
    assert list(apps_of(make_user(mine))) == [mine]


def test_a_superuser_works_everywhere_and_an_anonymous_or_inactive_user_nowhere():
    app = make_app()
    assert app in apps_of(make_user(is_superuser=True))
    assert not apps_of(AnonymousUser())
    assert not apps_of(make_user(app, is_active=False))


def test_colleagues_are_those_of_a_shared_app_without_superusers():
    app = make_app()
    owner, colleague = make_user(app, role="owner"), make_user(app)
    make_user(app, is_superuser=True)
    make_user(make_app())
    assert set(colleagues_of(owner)) == {owner, colleague}


def test_an_owner_does_not_manage_somebody_who_also_works_elsewhere():
    app = make_app()
    owner = make_user(app, role="owner")
    assert is_managed_by(make_user(app), owner)
    assert not is_managed_by(make_user(app, make_app()), owner)
    assert not is_managed_by(make_user(app, is_superuser=True), owner)
