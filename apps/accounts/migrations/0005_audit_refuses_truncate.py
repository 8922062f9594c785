"""The audit log refuses to be emptied, too, but by who empties the whole demo world and says so in the session."""

from django.db import migrations

FREEZE = """
create function accounts_audit_is_not_emptied() returns trigger language plpgsql as $$
begin
    if current_setting('heliograph.empties', true) is distinct from 'yes' then
        raise exception 'the audit log is append-only';
    end if;
    return null;
end $$;
create trigger accounts_audit_not_emptied before truncate on accounts_auditentry
    for each statement execute function accounts_audit_is_not_emptied();
"""

THAW = """
drop trigger accounts_audit_not_emptied on accounts_auditentry;
drop function accounts_audit_is_not_emptied();
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0004_four_eyes")]
    operations = [migrations.RunSQL(FREEZE, THAW)]
