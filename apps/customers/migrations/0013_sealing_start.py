"""Contacts are sealed once nobody of a release before is connected; in a new installation there is nobody."""

from django.db import migrations, models

# Where contact keys exist, the release before this one sealed already.
BEGIN = """
    insert into customers_sealingstart (id, begun_at)
    select 1, case when exists (select from customers_contactkey) or not exists (select from accounts_app) then now() end
"""


class Migration(migrations.Migration):
    dependencies = [("customers", "0012_sealed_contacts")]
    operations = [
        migrations.CreateModel(
            name="SealingStart",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("clear_since", models.DateTimeField(null=True)),
                ("looked_at", models.DateTimeField(null=True)),
                ("begun_at", models.DateTimeField(null=True)),
            ],
            options={"verbose_name": "start of sealing", "verbose_name_plural": "start of sealing"},
        ),
        migrations.RunSQL(BEGIN, migrations.RunSQL.noop),
    ]
