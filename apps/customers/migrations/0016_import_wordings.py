"""Words that staff add to an import afterwards."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("customers", "0015_sealed_imports")]

    operations = [
        migrations.CreateModel(
            name="ImportWording",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("text", models.CharField(max_length=500, verbose_name="wording")),
                ("at", models.DateTimeField(verbose_name="said at")),
                ("said_by", models.CharField(max_length=150, verbose_name="by")),
                (
                    "run",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="wordings",
                        to="customers.importrun",
                    ),
                ),
            ],
            options={
                "verbose_name": "wording of an import",
                "verbose_name_plural": "wordings of imports",
                "ordering": ["-id"],
            },
        ),
    ]
