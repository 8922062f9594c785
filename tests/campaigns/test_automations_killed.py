"""Whoever moves people through automations may be killed at any statement: nobody is lost, nobody is sent to twice."""

import subprocess
import sys
from pathlib import Path

import pytest

from apps.campaigns.models import AutomationSend
from apps.campaigns.services.automations.lifecycle import StepDraft
from apps.customers.models import EventArrival
from apps.deliveries.models import Batch
from tests.factories import NOW, make_app, make_people
from tests.factories.automations import PUSH, did, make_active

MOVER = Path(__file__).with_name("killed_mover.py")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("seed", range(3))
def test_killed_at_any_statement(seed: int, process_environment: dict[str, str]) -> None:
    app = make_app()
    rule = {"match": "all", "rules": [{"field": "first_name", "op": "is", "value": "Ada"}]}
    automation = make_active(app, PUSH, StepDraft("condition", {"ask": "rule", "rule": rule}), PUSH)
    devices = make_people(app, 5)
    did(app, [str(device.customer.external_id) for device in devices])
    command = [sys.executable, str(MOVER), str(seed), NOW.isoformat()]
    moved = subprocess.run(command, env=process_environment, capture_output=True, text=True, timeout=600)
    assert moved.returncode == 0, moved.stderr
    assert int(moved.stdout) > 0
    assert list(automation.runs.values_list("state", "position")) == [("done", 3)] * 5
    assert not EventArrival.objects.exists()
    for position in (0, 2):
        sends = AutomationSend.objects.filter(automation=automation, position=position).values("dispatch")
        reached = [one for batch in Batch.objects.filter(dispatch__in=sends) for one in batch.customer_ids]
        assert sorted(reached) == sorted(device.customer_id for device in devices)
