"""The audit log: appended, never changed."""

import pytest
from django.db import ProgrammingError, transaction

from apps.accounts.models import AuditEntry
from apps.accounts.services.audit import write_audit
from tests.factories import NOW, make_app

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
