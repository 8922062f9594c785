"""The guide for developers: every command of docs/quickstart.md, run in its order by a shell, with what it promises."""

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from threading import Timer

import pytest

from apps.api.samples.languages import LANGUAGES, verification
from apps.api.samples.recipes import RECIPES
from config.env import BASE_DIR
from tests.fixtures_house import House, running_house
from tests.house import free_port

GUIDE = (Path(BASE_DIR) / "docs" / "quickstart.md").read_text()
COMMANDS = re.findall(r"```sh\n(.*?)```", GUIDE, re.DOTALL)
SECONDS = 240


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    """What the guide's first command starts, with fewer people in it."""
    with running_house(WEBHOOKS_ALLOW_LOOPBACK="1") as house:
        yield house


@pytest.mark.long
def test_every_command_of_the_guide_does_what_it_says(house: House) -> None:
    first, *others = COMMANDS
    assert first == "WEBHOOKS_ALLOW_LOOPBACK=1 make demo\n"
    script = "set -eu\n" + "echo\n".join(others)
    places = {"http://localhost:8000": house.url, "http://localhost:9400": house.sandbox_url, "9000": str(free_port())}
    for written, real in places.items():
        assert written in script
        script = script.replace(written, real)
    told = output_of(script, house.environment)
    (promised,) = re.findall(r"```text\n(.*?)```", GUIDE, re.DOTALL)
    assert promised in told
    assert '"type":"opened"' in told.partition(promised)[2].replace(" ", "")


def output_of(script: str, environment: dict[str, str]) -> str:
    """What a shell prints; a command that fails fails the test. Nothing it started in the background is left."""
    with subprocess.Popen(
        ["sh", "-c", script],
        cwd=BASE_DIR,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as shell:
        ender = Timer(SECONDS, os.killpg, [shell.pid, signal.SIGKILL])
        ender.start()
        code = shell.wait()
        ender.cancel()
        with suppress(ProcessLookupError):
            os.killpg(shell.pid, signal.SIGKILL)
        assert shell.stdout is not None
        told = shell.stdout.read()
    assert code == 0, told
    return told


def test_the_guide_checks_signatures_as_the_samples_do() -> None:
    function = verification(LANGUAGES["python"]).partition("def ")[2]
    assert f"def {function}" in GUIDE


def test_samples_can_be_tried_after_the_guide() -> None:
    """With a key that was used they would be refused as another request."""
    keys = re.findall("Idempotency-Key: ([a-z0-9-]+)", GUIDE)
    assert keys
    assert not {recipe.idempotency_key for recipe in RECIPES} & {*keys}


def test_links_to_other_guides_lead_somewhere() -> None:
    for guide in (Path(BASE_DIR) / "docs").glob("*.md"):
        for target in re.findall(r"\]\(([a-z./_-]+\.md)(?:#[a-z-]+)?\)", guide.read_text()):
            assert (guide.parent / target).exists(), (guide.name, target)
