"""A test SMS keeps the provider's number of it, so that a delivery report finds it."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("sms_booster", "0008_left_out")]
    operations = [
        migrations.AddField("smstrial", "provider_id", models.CharField(blank=True, db_default="", max_length=64))
    ]
