"""The audit log: appended, never changed."""

import pytest
from django.db import ProgrammingError, connection, transaction

from apps.accounts.models import AuditEntry
from apps.accounts.services.audit import write_audit
from tests.factories import NOW, make_app, make_user

pytestmark = pytest.mark.django_db


def entry():
    return write_audit(
        app=make_app(), actor="key:hg_live_abc", action="device.erased", subject="device:7", details={}, now=NOW
    )


def test_an_entry_says_who_did_what_to_what():
    written = AuditEntry.objects.get(pk=entry().pk)
    assert (written.actor, written.action, written.subject, written.at) == (
        "key:hg_live_abc",
        "device.erased",
        "device:7",
        NOW,
    )


@pytest.mark.parametrize("tamper", ["update", "delete"])
def test_the_database_refuses_to_change_an_entry(tamper):
    rows = AuditEntry.objects.filter(pk=entry().pk)
    with pytest.raises(ProgrammingError, match="append-only"), transaction.atomic():
        rows.update(actor="somebody else") if tamper == "update" else rows.delete()


def test_the_database_refuses_to_empty_it():
    entry()
    connection.check_constraints()  # else PostgreSQL refuses for pending checks, before it asks us
    with pytest.raises(ProgrammingError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("truncate accounts_auditentry")
    assert AuditEntry.objects.count() == 1


@pytest.fixture
def owner(client):
    app = make_app(confirm_above=1000)
    client.force_login(make_user(app, role="owner", username="olga"))
    return app


def test_a_form_leaves_what_it_was_before_and_after(client, owner):
    page = f"/admin/accounts/app/{owner.pk}/change/"
    fields = client.get(page).context["adminform"].form.initial
    sent = {name: value for name, value in fields.items() if value is not None and name != "app"}
    client.post(page, {**sent, "link_schemes": "", "is_active": "on", "confirm_above": "50"})
    written = AuditEntry.objects.get(action="app.changed")
    assert (written.details["before"], written.details["after"]) == ({"confirm_above": 1000}, {"confirm_above": 50})


def test_no_secret_enters_it(client, owner):
    person = make_user(owner, role="analyst")
    client.post(
        f"/admin/accounts/user/{person.pk}/password/", {"password1": "long-Enough-7", "password2": "long-Enough-7"}
    )
    assert "long-Enough-7" not in str(list(AuditEntry.objects.values()))


def test_it_is_searched_and_taken_away(client, owner):
    for action in ("campaign.launched", "segment.changed"):
        details = {"before": {"name": "=cmd()"}, "after": {"name": "B"}}
        write_audit(app=owner, actor="mary", action=action, subject="segment:1", details=details, now=NOW)
    page = client.get("/admin/accounts/auditentry/?q=launched").content.decode()
    assert "campaign.launched" in page
    assert "segment.changed" not in page
    answer = client.get("/admin/accounts/auditentry/export/?q=launched")
    lines = b"".join(answer.streaming_content).decode().splitlines()
    assert lines[0] == "at,who,did,to_what,app,before,after,details"
    assert (len(lines), "mary,campaign.launched" in lines[1]) == (2, True)
    assert AuditEntry.objects.filter(action="auditlog.exported", actor="olga").exists()


def test_nobody_reads_what_happened_in_foreign_apps(client, owner):
    write_audit(app=make_app(), actor="eve", action="campaign.launched", subject="campaign:9", details={}, now=NOW)
    write_audit(app=None, actor="eve", action="sending.stopped", subject="sending:marketing", details={}, now=NOW)
    page = client.get("/admin/accounts/auditentry/").content.decode()
    assert "campaign:9" not in page
    assert "sending:marketing" in page
