"""How much an app's own servers and devices may use up: SMS after pushes in a day, devices of one person."""

from django.core.validators import MinValueValidator
from django.db import migrations, models

PER_DAY_HELP = "What your servers ask for with fallback_sms. Above it no SMS goes out. Empty = no limit."
DEVICES_HELP = "Whoever registers one more is no longer reached on the one not seen for longest."


class Migration(migrations.Migration):
    dependencies = [("accounts", "0007_device_moves")]
    operations = [
        migrations.AddField(
            "app",
            "fallback_sms_per_day",
            models.PositiveIntegerField(
                "most SMS after pushes in 24 hours",
                null=True,
                blank=True,
                default=1000,
                db_default=1000,
                help_text=PER_DAY_HELP,
            ),
        ),
        migrations.AddField(
            "app",
            "devices_per_person",
            models.PositiveSmallIntegerField(
                "most devices per person",
                default=50,
                db_default=50,
                validators=[MinValueValidator(1)],
                help_text=DEVICES_HELP,
            ),
        ),
    ]
