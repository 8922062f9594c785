"""Rules that ask about e-mails or phones are looked at at once: those that ask for a part of one are broken, with the reason.

Otherwise their owners would learn it at their usual refresh, or as a campaign does not go out.
"""

from django.db import migrations

LOOK = """
    update segments_segment set state = 'due'
    where kind = 'dynamic' and state = 'fresh' and rule::text ~ '"field": "(email|phone)"'
"""


class Migration(migrations.Migration):
    dependencies = [("segments", "0001_initial")]
    operations = [migrations.RunSQL(LOOK, migrations.RunSQL.noop)]
