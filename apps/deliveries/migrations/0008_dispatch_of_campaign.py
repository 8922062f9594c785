"""Rules of segments ask for the dispatches of campaigns, which stand among millions of single pushes."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("deliveries", "0007_meters")]
    operations = [
        AddIndexConcurrently(
            "dispatch",
            models.Index(
                fields=["app", "origin"],
                name="dispatch_of_campaign",
                condition=models.Q(kind__in=["campaign", "automation"]),
            ),
        )
    ]
