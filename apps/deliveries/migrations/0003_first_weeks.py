"""The first weeks of ledger and receipts, so that a new house does not begin in the default partition."""

from django.db import migrations
from django.utils import timezone

from apps.deliveries.services.partitions import ensure_partitions


def make_weeks(apps, schema_editor):
    ensure_partitions(now=timezone.now())


class Migration(migrations.Migration):
    dependencies = [("deliveries", "0002_ledger")]
    operations = [migrations.RunPython(make_weeks, migrations.RunPython.noop)]
