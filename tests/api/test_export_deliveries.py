"""`manage.py export_deliveries`: the same lines as the API's CSV."""

from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from apps.deliveries.models import Dispatch
from tests.factories import make_app, make_customer, make_dispatch

pytestmark = pytest.mark.django_db


@pytest.fixture
def dispatch() -> Dispatch:
    """Two people without a device: two lines."""
    app = make_app()
    for _ in range(2):
        make_customer(app, first_name="Zażółć")
    return make_dispatch(app)


def test_the_lines_go_to_the_terminal(dispatch: Dispatch) -> None:
    out = StringIO()
    call_command("export_deliveries", "--dispatch", str(dispatch.pk), stdout=out)
    header, *lines = out.getvalue().splitlines()
    assert header.startswith("delivery_id,dispatch_id,campaign_id,")
    assert len(lines) == 2


def test_the_lines_go_into_a_file(dispatch: Dispatch, tmp_path: Path) -> None:
    file = tmp_path / "deliveries.csv"
    call_command("export_deliveries", "--dispatch", str(dispatch.pk), "--out", str(file), "--bom")
    raw = file.read_bytes()
    assert raw.startswith(b"\xef\xbb\xbfdelivery_id,")
    assert raw.count(b"\n") == 3


def test_an_unknown_dispatch_is_said_so() -> None:
    with pytest.raises(CommandError, match="no dispatch 999"):
        call_command("export_deliveries", "--dispatch", "999")


def test_a_folder_that_is_not_there_is_said_so(dispatch: Dispatch, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="cannot write"):
        call_command("export_deliveries", "--dispatch", str(dispatch.pk), "--out", str(tmp_path / "no" / "x.csv"))
