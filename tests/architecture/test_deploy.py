"""What compose.yaml, Dockerfile and systemd units name exists: commands, programs, ports, variables, addresses."""

import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from configparser import ConfigParser
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from django.core.management import get_commands, load_command_class
from django.urls import resolve

from config.celery import STOP_SECONDS
from config.env import BASE_DIR
from config.queues import LANES

UNITS = BASE_DIR / "deploy/systemd"
PROGRAMS = {"web", "beat", *(f"worker-{lane}" for lane in LANES)}
DOCKERFILE = (BASE_DIR / "Dockerfile").read_text().replace("\\\n", " ")
COMPOSE: dict[str, Any] = yaml.safe_load((BASE_DIR / "compose.yaml").read_text())
# Compose's own, for its PostgreSQL.
NOT_OURS = {"POSTGRES_PASSWORD"}


def our_services() -> dict[str, Any]:
    return {name: one for name, one in COMPOSE["services"].items() if one.get("build")}


def unit(name: str) -> ConfigParser:
    """A unit without what may stand twice in a section."""
    parser = ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(UNITS / name)
    return parser


def image_command() -> list[str]:
    found = re.search(r"^CMD (\[.*\])$", DOCKERFILE, re.MULTILINE)
    assert found
    command: list[str] = yaml.safe_load(found[1])
    return command


def written_commands() -> Iterator[list[str]]:
    """Every line that starts something of ours."""
    yield image_command()
    yield from (shlex.split(one["command"]) for one in our_services().values() if "command" in one)
    line = unit("heliograph@.service")["Service"]["ExecStart"]
    yield from (shlex.split(line.replace("%i", program)) for program in sorted(PROGRAMS))
    comments = [line for path in UNITS.iterdir() for line in path.read_text().splitlines() if line.startswith("#")]
    yield from (shlex.split(said) for line in comments for said in re.findall(r"`([^`]*manage\.py [^`]*)`", line))
    yield from (shlex.split(said) for said in re.findall(r"^RUN .*(python manage\.py .*)$", DOCKERFILE, re.MULTILINE))


def test_every_command_is_one_of_ours_with_arguments_that_it_takes() -> None:
    commands = list(written_commands())
    assert len(commands) > 10
    for words in commands:
        place = words.index("manage.py")
        name, arguments = words[place + 1], words[place + 2 :]
        command = load_command_class(get_commands()[name], name)
        command.create_parser("manage.py", name).parse_args(arguments)


def test_compose_and_systemd_run_every_program_of_the_house() -> None:
    started = {words[-1] for words in written_commands() if words[-2] == "run"} | {"web"}
    assert started == PROGRAMS
    assert {name for name in our_services() if name != "migrate"} == PROGRAMS
    wanted = unit("heliograph.target")
    text = (UNITS / "heliograph.target").read_text()
    assert set(re.findall(r"heliograph@([\w-]+)\.service", text)) == PROGRAMS
    assert wanted["Install"]["WantedBy"]


def test_every_variable_is_known() -> None:
    known = set(re.findall(r"^#([A-Z_]+)=", (BASE_DIR / ".env.example").read_text(), re.MULTILINE)) | NOT_OURS
    text = (BASE_DIR / "compose.yaml").read_text()
    named = set(re.findall(r"\$\{(\w+)", text))
    for service in our_services().values():
        named |= set(service["environment"])
    named |= set(re.findall(r"\b([A-Z][A-Z_]+)=", re.sub(r"PYTHON\w+=", "", DOCKERFILE)))
    assert {"DATABASE_URL", "SECRET_KEY", "POSTGRES_PASSWORD"} <= named <= known


def test_the_web_server_is_published_and_asked_where_it_listens() -> None:
    words = image_command()[3:]
    listens = load_command_class("apps.api", "run").create_parser("manage.py", "run").parse_args(words)
    assert listens.host == "0.0.0.0"
    web = COMPOSE["services"]["web"]
    (published,) = web["ports"]
    assert published.rpartition(":")[2] == str(listens.port)
    (asked,) = re.findall(r"'(http://[^']+)'", web["healthcheck"]["test"])
    assert urlsplit(asked).port == listens.port
    assert resolve(urlsplit(asked).path)


def test_a_worker_has_the_time_that_it_takes_to_stop() -> None:
    graces = [int(one["stop_grace_period"].removesuffix("s")) for one in our_services().values()]
    graces.append(int(unit("heliograph@.service")["Service"]["TimeoutStopSec"]))
    assert min(graces) > STOP_SECONDS


def test_what_the_image_copies_is_there() -> None:
    sources = [words.split()[:-1] for words in re.findall(r"^COPY (.+)$", DOCKERFILE, re.MULTILINE)]
    ignored = (BASE_DIR / ".dockerignore").read_text().split()
    assert sources
    for one in (name for names in sources for name in names):
        assert (BASE_DIR / one).exists()
        assert one not in ignored


def test_the_image_collects_static_files_with_its_throw_away_secrets(tmp_path: Path) -> None:
    (line,) = re.findall(r"^RUN (.*collectstatic.*)$", DOCKERFILE, re.MULTILINE)
    line = line.replace("python manage.py", f"{sys.executable} manage.py") + " --dry-run"
    environment = {"PATH": "/usr/bin:/bin", "HELIOGRAPH_DATA_DIR": str(tmp_path / "data")}
    done = subprocess.run(["sh", "-c", line], cwd=BASE_DIR, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
def test_systemd_understands_the_units(tmp_path: Path) -> None:
    for path in UNITS.iterdir():
        text = path.read_text().replace("/srv/heliograph/.venv/bin/python", "/bin/true")
        (tmp_path / path.name).write_text(text)
    units = [tmp_path / "heliograph.target", *(tmp_path / f"heliograph@{program}.service" for program in PROGRAMS)]
    done = subprocess.run(["systemd-analyze", "verify", *units], capture_output=True, text=True)
    assert [line for line in done.stderr.splitlines() if "heliograph" in line] == []
