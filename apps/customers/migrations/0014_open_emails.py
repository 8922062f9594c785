"""Addresses of before, kept with capitals, are found however they are written until they are sealed; then it is empty."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models
from django.db.models.functions import Lower


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("customers", "0013_sealing_start")]
    operations = [
        AddIndexConcurrently(
            "customer",
            models.Index(
                Lower("email"),
                models.F("app"),
                name="customer_open_emails",
                condition=models.Q(
                    models.Q(("email", ""), _negated=True), models.Q(("email__startswith", ":1"), _negated=True)
                ),
            ),
        )
    ]
