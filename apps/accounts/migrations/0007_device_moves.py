"""The log asks whose a device was before: a few entries among all that people and keys did."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("accounts", "0006_two_step_log_in")]
    operations = [
        AddIndexConcurrently(
            "auditentry",
            models.Index(fields=["subject"], name="audit_device_moved", condition=models.Q(action="device.moved")),
        )
    ]
