"""What became of the held rest of an A/B audience."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("deliveries", "0008_dispatch_of_campaign")]
    operations = [
        migrations.AddField("dispatch", "decided_at", models.DateTimeField(null=True)),
        migrations.AddField("dispatch", "winner", models.SmallIntegerField(null=True)),
        migrations.AddField(
            "dispatch", "decided_by", models.CharField(blank=True, db_default="", default="", max_length=150)
        ),
    ]
