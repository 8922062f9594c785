"""A foreign witness: schemathesis reads our schema and tries what it says, against the real web server."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.factories import make_campaign, make_customer, make_device, make_segment
from tests.factories.api import make_key
from tests.fixtures_web import serving

pytestmark = [pytest.mark.long, pytest.mark.django_db(transaction=True)]
HERE = Path(__file__).parent
SECONDS = 120


@pytest.fixture
def server(process_environment: dict[str, str]) -> Iterator[str]:
    with serving(process_environment) as address:
        yield address


def test_the_api_does_what_its_schema_says(server, app):
    customer = make_customer(app, external_id="c1")
    make_device(customer)
    make_segment(app, [customer])
    make_campaign(app)
    command = [str(Path(sys.executable).parent / "schemathesis"), "--config-file", "schemathesis.toml", "run"]
    command += [f"{server}/v2.1/schema?format=json", "--header", f"Authorization: Bearer {make_key(app)}"]
    command += ["--phases", "examples,coverage,fuzzing", "--max-time", str(SECONDS), "--no-color"]
    tried = subprocess.run(command, cwd=HERE, capture_output=True, text=True, check=False)
    assert tried.returncode == 0, tried.stdout[-8000:]
