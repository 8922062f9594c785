"""A booster keeps why the people whom it did not choose get no SMS; of those chosen before, nobody knows any more."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("sms_booster", "0007_test_sends")]
    operations = [migrations.AddField("boostrule", "left_out", models.JSONField(null=True))]
