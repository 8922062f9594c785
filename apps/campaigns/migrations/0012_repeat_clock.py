"""What repeats went by the project's clock whatever was chosen before for one set time: it stays so."""

from typing import Any

from django.db import migrations


def settle(apps: Any, _editor: Any) -> None:
    campaigns = apps.get_model("campaigns", "Campaign").objects.filter(timing="repeat")
    campaigns.exclude(clock="app").update(clock="app")


class Migration(migrations.Migration):
    dependencies = [("campaigns", "0011_event_facts")]

    operations = [migrations.RunPython(settle, migrations.RunPython.noop)]
