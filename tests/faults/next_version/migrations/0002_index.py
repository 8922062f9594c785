"""An index beside the work, not in its way."""

from typing import ClassVar

from django.db import migrations


class Migration(migrations.Migration):
    atomic = False
    dependencies: ClassVar = [("next_version", "0001_columns")]
    operations: ClassVar = [
        migrations.RunSQL("create index concurrently next_version_batch on deliveries_batch (next_version)")
    ]
