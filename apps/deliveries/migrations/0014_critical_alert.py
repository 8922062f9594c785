"""A critical alert is a row."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("deliveries", "0013_feed"),
    ]

    operations = [
        migrations.CreateModel(
            name="CriticalAlert",
            fields=[
                (
                    "dispatch",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="alert",
                        serialize=False,
                        to="deliveries.dispatch",
                    ),
                ),
                ("resend_after_seconds", models.PositiveIntegerField()),
                ("times", models.PositiveSmallIntegerField()),
                ("sent", models.PositiveSmallIntegerField(default=0)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("waiting", "waiting"),
                            ("acknowledged", "acknowledged"),
                            ("unanswered", "unanswered"),
                            ("stopped", "stopped"),
                        ],
                        default="waiting",
                        max_length=12,
                    ),
                ),
                ("next_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField(null=True)),
            ],
            options={
                "verbose_name": "critical alert",
                "verbose_name_plural": "critical alerts",
                "default_permissions": ("view",),
                "indexes": [
                    models.Index(condition=models.Q(("state", "waiting")), fields=["next_at"], name="alert_due")
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ["waiting", "acknowledged", "unanswered", "stopped"])),
                        name="alert_state_known",
                    )
                ],
            },
        ),
    ]
