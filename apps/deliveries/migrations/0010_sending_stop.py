"""The emergency stop is a row."""

import django.contrib.postgres.fields
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("deliveries", "0009_winner"),
    ]

    operations = [
        migrations.CreateModel(
            name="SendingStop",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("scope", models.CharField(max_length=13, unique=True)),
                (
                    "kinds",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(
                            choices=[
                                ("campaign", "campaign"),
                                ("transactional", "transactional"),
                                ("automation", "automation"),
                                ("test", "test"),
                            ],
                            max_length=13,
                        )
                    ),
                ),
                ("reason", models.CharField(max_length=300)),
                ("stopped_by", models.CharField(max_length=150)),
                ("stopped_at", models.DateTimeField()),
            ],
            options={
                "verbose_name": "emergency stop",
                "verbose_name_plural": "emergency stops",
                "ordering": ["scope"],
                "default_permissions": ("view", "change"),
            },
        ),
    ]
