"""The audit log refuses update and delete, whoever asks."""

from django.db import migrations

FREEZE = """
create function accounts_audit_is_append_only() returns trigger language plpgsql as $$
begin
    raise exception 'the audit log is append-only';
end $$;
create trigger accounts_audit_append_only before update or delete on accounts_auditentry
    for each row execute function accounts_audit_is_append_only();
"""

THAW = """
drop trigger accounts_audit_append_only on accounts_auditentry;
drop function accounts_audit_is_append_only();
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial")]
    operations = [migrations.RunSQL(FREEZE, THAW)]
