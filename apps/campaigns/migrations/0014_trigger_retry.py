"""A trigger that could not be planned waits a while, so that it holds up no other."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("campaigns", "0013_segment_trigger")]

    operations = [migrations.AddField("segmenttrigger", "retry_at", models.DateTimeField(null=True))]
