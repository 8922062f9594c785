"""What the environment decides, seen from outside: a command is run with it."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from config.env import BASE_DIR, cache_beside, database

PRODUCTION = {
    "HELIOGRAPH_ENV": "production",
    "DATABASE_URL": "postgres://nobody@127.0.0.1:9/none",
    "SECRET_KEY": "a-long-and-random-text-of-more-than-fifty-characters-0123456789",
    "FIELD_ENCRYPTION_KEYS": "k1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
    "PUBLIC_URL": "https://push.example.org",
}


def manage(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=BASE_DIR,
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def setting(name: str, **environment: str) -> str:
    """A setting's value, printed by a fresh process."""
    code = f"from django.conf import settings; print(settings.{name})"
    done = manage("shell", "--no-imports", "-c", code, **environment)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("missing", ["DATABASE_URL", "SECRET_KEY", "FIELD_ENCRYPTION_KEYS"])
def test_production_refuses_to_start_without(missing: str) -> None:
    done = manage("check", **{name: value for name, value in PRODUCTION.items() if name != missing})
    assert done.returncode == 1
    assert done.stderr.startswith(f"{missing} is not set")
    assert done.stderr.count("\n") == 1


def test_production_with_rabbitmq_wants_a_cache() -> None:
    done = manage("check", CELERY_BROKER_URL="amqp://nobody@127.0.0.1:9", **PRODUCTION)
    assert done.returncode == 1
    assert done.stderr.startswith("CACHE_URL is not set")


def test_a_value_may_stand_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "url").write_text("https://from.a.file.example\n")
    given = {**PRODUCTION, "PUBLIC_URL_FILE": str(tmp_path / "url")}
    assert setting("ALLOWED_HOSTS", **given) == "['from.a.file.example', '127.0.0.1', 'localhost']"


def test_generated_secrets_are_kept_for_the_owner_alone(tmp_path: Path) -> None:
    first = setting("SECRET_KEY", HELIOGRAPH_DATA_DIR=str(tmp_path / "data"))
    assert setting("SECRET_KEY", HELIOGRAPH_DATA_DIR=str(tmp_path / "data")) == first
    assert (tmp_path / "data/secrets.json").stat().st_mode & 0o777 == 0o600


def test_the_running_sandbox_gives_its_addresses(tmp_path: Path) -> None:
    (tmp_path / "sandbox.json").write_text(
        '{"fcm_base_url": "https://127.0.0.1:7", "apns_host": "here", "apns_port": 8}'
    )
    found = setting("GATEWAY_ENDPOINTS", HELIOGRAPH_DATA_DIR=str(tmp_path), APNS_PORT="9")
    assert "fcm_base_url='https://127.0.0.1:7'" in found
    assert "apns_host='here', apns_port=9" in found  # what is set wins


def test_production_knows_no_sandbox(tmp_path: Path) -> None:
    (tmp_path / "sandbox.json").write_text('{"fcm_base_url": "https://127.0.0.1:7"}')
    assert "fcm.googleapis.com" in setting("GATEWAY_ENDPOINTS", HELIOGRAPH_DATA_DIR=str(tmp_path), **PRODUCTION)


def test_a_command_without_its_servers_says_so_in_one_line(tmp_path: Path) -> None:
    done = manage("migrate", HELIOGRAPH_DATA_DIR=str(tmp_path / "data"))
    assert done.returncode == 1
    assert (
        done.stderr.strip()
        .splitlines()[-1]
        .startswith(f"The embedded PostgreSQL of {tmp_path / 'data'} is not running")
    )
    assert "Traceback" not in done.stderr


def test_an_unreachable_database_is_said_in_one_line(tmp_path: Path) -> None:
    url = "postgres://nobody@127.0.0.1:9/none"
    done = manage("migrate", HELIOGRAPH_DATA_DIR=str(tmp_path / "data"), DATABASE_URL=url)
    assert done.returncode == 1
    assert done.stderr.strip().splitlines()[-1].startswith("The database of DATABASE_URL does not answer: connection")
    assert "Traceback" not in done.stderr


def test_every_variable_is_in_the_example() -> None:
    code = "".join(path.read_text() for path in (BASE_DIR / "config").rglob("*.py"))
    used = set(re.findall(r'(?:env\.)?(?:text|words|secret|required_in_production)\("([A-Z_]+)"', code))
    shown = set(re.findall(r"^#([A-Z_]+)=", (BASE_DIR / ".env.example").read_text(), re.MULTILINE))
    assert used == shown


@pytest.mark.parametrize(
    ("broker", "cache"),
    [
        ("redis://:secret@host:6379/0", "redis://:secret@host:6379/1"),
        ("rediss://host", "rediss://host/1"),
        ("amqp://host", ""),
        ("", ""),
    ],
)
def test_the_cache_lies_beside_a_redis_broker(broker: str, cache: str) -> None:
    assert cache_beside(broker) == cache


def test_a_database_url_may_name_a_socket_folder() -> None:
    found = database("postgres://me:pass@/name?host=%2Frun%2Fhere&sslmode=disable")
    assert (found["HOST"], found["NAME"], found["OPTIONS"]) == ("/run/here", "name", {"sslmode": "disable"})


def test_the_wire_is_chosen_by_name(tmp_path: Path) -> None:
    (tmp_path / "sandbox.json").write_text("{}")
    assert "wire='lean'" in setting("GATEWAY_ENDPOINTS", HELIOGRAPH_DATA_DIR=str(tmp_path))
    assert "wire='curl'" in setting("GATEWAY_ENDPOINTS", HELIOGRAPH_DATA_DIR=str(tmp_path), HELIOGRAPH_WIRE="curl")
    done = manage("check", HELIOGRAPH_DATA_DIR=str(tmp_path), HELIOGRAPH_WIRE="string")
    assert done.stderr.strip() == "HELIOGRAPH_WIRE is 'string': it must be curl or lean"


def test_a_database_url_can_turn_prepared_statements_off() -> None:
    assert database("postgres://me@host/name?prepare_threshold=None")["OPTIONS"] == {"prepare_threshold": None}
