"""What a version may do while the one before works: columns with a database default."""

from typing import ClassVar

from django.db import migrations

TABLES = ("deliveries_batch", "deliveries_dispatch", "deliveries_delivery", "deliveries_retry", "devices_device")


class Migration(migrations.Migration):
    dependencies: ClassVar = [("deliveries", "0001_initial"), ("devices", "0001_initial")]
    operations: ClassVar = [
        migrations.RunSQL(f"alter table {table} add column next_version text not null default ''") for table in TABLES
    ]
