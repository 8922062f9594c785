"""What failed without anybody having foreseen it is a row: for the campaign's page."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("campaigns", "0014_trigger_retry"),
    ]

    operations = [
        migrations.AddField(
            model_name="campaign",
            name="launch_problem_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="segmenttrigger",
            name="error",
            field=models.CharField(blank=True, db_default="", default="", max_length=200),
        ),
        migrations.AddField(
            model_name="segmenttrigger",
            name="tries",
            field=models.PositiveSmallIntegerField(db_default=0, default=0),
        ),
        migrations.CreateModel(
            name="LaunchFault",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("tries", models.PositiveSmallIntegerField(default=0)),
                ("error", models.CharField(max_length=200)),
                ("first_at", models.DateTimeField()),
                ("retry_at", models.DateTimeField()),
                (
                    "campaign",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="launch_fault",
                        to="campaigns.campaign",
                    ),
                ),
            ],
            options={
                "verbose_name": "fault of a launch",
                "verbose_name_plural": "faults of launches",
                "default_permissions": ("view",),
            },
        ),
    ]
