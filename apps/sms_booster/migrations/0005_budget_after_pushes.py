"""The budget of SMS after pushes counts an app's last 24 hours."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("sms_booster", "0004_clicks")]
    operations = [
        AddIndexConcurrently(
            "smsmessage",
            models.Index(
                fields=["app_id", "planned_at"], name="sms_after_pushes", condition=models.Q(fallback__isnull=False)
            ),
        )
    ]
