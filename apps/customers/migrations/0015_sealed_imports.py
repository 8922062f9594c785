"""Uploaded files and lines to be told of are kept sealed. What lies plain is read as before until it is forgotten."""

import django.contrib.postgres.fields
from django.db import migrations, models

import apps.core.fields


class Migration(migrations.Migration):
    dependencies = [("customers", "0014_open_emails")]

    operations = [
        migrations.AddField(
            "importrun",
            "file_key",
            apps.core.fields.EncryptedJSONField(
                db_default=models.Value("", models.TextField()), default=None, editable=False
            ),
        ),
        migrations.AddField("importpart", "sealed", models.BinaryField(null=True)),
        migrations.AlterField("importpart", "body", models.BinaryField(default=b"")),
        migrations.AddField("importline", "sealed", models.BinaryField(null=True)),
        migrations.AddField(
            "importline",
            "marks",
            django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), null=True, size=None),
        ),
        migrations.AlterField(
            "importline",
            "cells",
            django.contrib.postgres.fields.ArrayField(base_field=models.TextField(), default=list, size=None),
        ),
        # What is sealed does not get smaller.
        migrations.RunSQL(
            "alter table customers_importpart alter column sealed set storage external;"
            "alter table customers_importline alter column sealed set storage external",
            migrations.RunSQL.noop,
        ),
    ]
