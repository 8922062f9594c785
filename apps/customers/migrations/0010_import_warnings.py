"""Lines of imports that are stored, but not all that they say."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("customers", "0009_event_arrivals")]

    operations = [
        migrations.AddField(
            "importrun",
            "warned_count",
            models.PositiveIntegerField(default=0, db_default=0, help_text="of the lines stored"),
        ),
        migrations.AddField("importline", "is_stored", models.BooleanField(default=False, db_default=False)),
    ]
