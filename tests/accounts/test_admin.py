"""The admin of apps, people and the audit log: nobody sees or grants more than is theirs."""

import pytest
from django.urls import reverse

from apps.accounts.models import AuditEntry, Membership, User
from apps.accounts.services.audit import write_audit
from tests.factories import NOW, make_app, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def app():
    return make_app()


@pytest.fixture
def owner(app, client):
    user = make_user(app, role="owner")
    client.force_login(user)
    return user


def person_fields(app, **changes):
    from django.contrib.auth.models import Group

    role = Group.objects.get(name=changes.pop("role", "marketer"))
    return {
        "username": "nina",
        "email": "",
        "usable_password": "true",
        "password1": "long-Enough-7",
        "password2": "long-Enough-7",
        "role": role.pk,
        "apps": [app.pk],
        **changes,
    }


@pytest.mark.parametrize("model", ["app", "user", "auditentry"])
def test_the_lists_open(owner, client, model):
    assert client.get(reverse(f"admin:accounts_{model}_changelist")).status_code == 200


def test_a_foreign_app_is_not_listed_and_answers_404(owner, client, app):
    foreign = make_app(name="Somebody else's")
    page = client.get(reverse("admin:accounts_app_changelist")).content.decode()
    assert app.name in page
    assert foreign.name not in page
    assert client.get(reverse("admin:accounts_app_change", args=[foreign.pk])).status_code == 404


def test_who_adds_an_app_works_in_it(owner, client):
    fields = {
        "name": "Second",
        "slug": "second",
        "time_zone": "Europe/Warsaw",
        "default_language": "pl",
        "link_schemes": "",
        "cap_days": 7,
        "confirm_above": 100,
        "approve_drift_percent": 10,
        "approve_hours": 72,
        "devices_per_person": 50,
    }
    client.post(reverse("admin:accounts_app_add"), fields)
    assert Membership.objects.filter(user=owner, app__slug="second").exists()
    assert AuditEntry.objects.get(action="app.added").actor == owner.username


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("time_zone", "Mars/Olympus", "not an IANA time zone"),
        ("link_schemes", "myshop\r\njavascript", "“javascript” cannot be a deep-link scheme"),
        ("default_country", "pl", "Two capital letters"),
        ("quiet_until", "22:00", "would hold every push"),
    ],
)
def test_settings_that_cannot_work_are_refused_with_the_reason(owner, client, app, field, value, message):
    fields = {
        "name": "Shop",
        "time_zone": "UTC",
        "default_language": "en",
        "link_schemes": "",
        "quiet_from": "22:00",
        "quiet_until": "08:00",
        "cap_days": 7,
        "confirm_above": 100,
        "approve_drift_percent": 10,
        "approve_hours": 72,
        "devices_per_person": 50,
        field: value,
    }
    answer = client.post(reverse("admin:accounts_app_change", args=[app.pk]), fields)
    assert message in answer.content.decode()


def test_link_schemes_are_typed_one_a_line(owner, client, app):
    page = reverse("admin:accounts_app_change", args=[app.pk])
    shown = client.get(page).context["adminform"].form
    fields = {name: value for name, value in shown.initial.items() if value is not None}
    client.post(page, {**fields, "link_schemes": " MyShop://\r\n\r\nmyshop\r\ncart+v2 ", "is_active": "on"})
    app.refresh_from_db()
    assert app.link_schemes == ["myshop", "cart+v2"]
    assert client.get(page).context["adminform"].form["link_schemes"].value() == "myshop\ncart+v2"


def test_an_owner_adds_a_colleague_with_a_role(owner, client, app):
    client.post(reverse("admin:accounts_user_add"), person_fields(app))
    nina = User.objects.get(username="nina")
    assert nina.is_staff
    assert [group.name for group in nina.groups.all()] == ["marketer"]
    assert [membership.app for membership in nina.memberships.all()] == [app]


def test_an_owner_cannot_let_somebody_into_a_foreign_app(owner, client):
    answer = client.post(reverse("admin:accounts_user_add"), person_fields(make_app()))
    assert answer.status_code == 200
    assert not User.objects.filter(username="nina").exists()


def test_an_owner_cannot_make_a_superuser(owner, client, app):
    colleague = make_user(app, role="analyst")
    fields = person_fields(app, username=colleague.username, is_active="on", is_superuser="on", is_staff="on")
    assert client.post(reverse("admin:accounts_user_change", args=[colleague.pk]), fields).status_code == 302
    colleague.refresh_from_db()
    assert not colleague.is_superuser
    assert colleague.groups.get().name == "marketer"


@pytest.mark.parametrize("page", ["change", "history", "delete"])
def test_a_foreign_person_answers_404(owner, client, page):
    stranger = make_user(make_app())
    answer = client.get(reverse(f"admin:accounts_user_{page}", args=[stranger.pk]))
    assert answer.status_code in (403, 404)
    assert stranger.username not in answer.content.decode()


def test_the_password_of_somebody_who_also_works_elsewhere_stays(owner, client, app):
    both = make_user(app, make_app())
    url = reverse("admin:auth_user_password_change", args=[both.pk])
    fields = {"password1": "long-Enough-7", "password2": "long-Enough-7", "usable_password": "true"}
    assert client.post(url, fields).status_code == 403
    both.refresh_from_db()
    assert both.check_password("secret-for-tests")


def test_the_audit_log_shows_only_the_own_app_and_cannot_be_edited(owner, client, app):
    for where, actor in ((app, "our-actor"), (make_app(), "their-actor")):
        write_audit(app=where, actor=actor, action="x.done", subject="x:1", details={}, now=NOW)
    page = client.get(reverse("admin:accounts_auditentry_changelist")).content.decode()
    assert "our-actor" in page
    assert "their-actor" not in page
    assert client.get(reverse("admin:accounts_auditentry_add")).status_code == 403


def test_an_analyst_opens_no_page_of_people(client, app):
    client.force_login(make_user(app, role="analyst"))
    assert client.get(reverse("admin:accounts_user_changelist")).status_code == 403
