"""An SMS may follow a transactional push; then it has no rule."""

import apps.core.fields
import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("customers", "0007_imports"),
        ("deliveries", "0014_critical_alert"),
        ("sms_booster", "0001_initial"),
    ]

    operations = [
        migrations.AddField(
            model_name="smsmessage",
            name="sealed",
            field=apps.core.fields.EncryptedJSONField(null=True),
        ),
        migrations.AlterField(
            model_name="smsmessage",
            name="rule",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="messages",
                to="sms_booster.boostrule",
            ),
        ),
        migrations.CreateModel(
            name="Fallback",
            fields=[
                (
                    "dispatch",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="fallback",
                        serialize=False,
                        to="deliveries.dispatch",
                    ),
                ),
                ("customer_ids", django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField())),
                ("text", apps.core.fields.EncryptedJSONField(null=True)),
                (
                    "state",
                    models.CharField(
                        choices=[("waiting", "waiting"), ("chosen", "chosen"), ("cancelled", "cancelled")],
                        default="waiting",
                        max_length=9,
                    ),
                ),
                ("due_at", models.DateTimeField()),
                ("forgotten_at", models.DateTimeField(null=True)),
            ],
            options={
                "verbose_name": "fallback SMS",
                "verbose_name_plural": "fallback SMS",
                "default_permissions": ("view",),
                "indexes": [
                    models.Index(condition=models.Q(("state", "waiting")), fields=["due_at"], name="fallback_due")
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ["waiting", "chosen", "cancelled"])),
                        name="fallback_state_known",
                    )
                ],
            },
        ),
        migrations.AddField(
            model_name="smsmessage",
            name="fallback",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="messages",
                to="sms_booster.fallback",
            ),
        ),
        migrations.AddConstraint(
            model_name="smsmessage",
            constraint=models.CheckConstraint(
                condition=models.Q(("rule", None), ("fallback", None), _connector="XOR"), name="sms_of_rule_or_fallback"
            ),
        ),
    ]
