"""Credentials are made once, agree between processes, and are readable where they must be."""

import json
import os
import socket
import ssl
import subprocess
import sys
from pathlib import Path

import pytest

from apps.sandbox.credentials import load_or_create
from tests.fixtures_sandbox import REPOSITORY, RunningSandbox


def test_the_same_directory_gives_the_same_credentials(tmp_path: Path) -> None:
    first, second = (load_or_create(tmp_path, 9500) for _ in range(2))
    assert first.documents() == second.documents()
    assert first.subscription_for("x") == second.subscription_for("x")


def test_apps_have_accounts_of_their_own(tmp_path: Path) -> None:
    credentials = load_or_create(tmp_path, 9500)
    shop, news = credentials.app("shop"), credentials.app("news")
    assert shop.project_id != news.project_id
    assert {shop.apns.key_id, shop.sms.account_sid}.isdisjoint({news.apns.key_id, news.sms.account_sid})
    assert [app.slug for app in credentials.known_apps()] == ["shop", "news"]


def test_the_settings_file_says_where_the_gateways_are(tmp_path: Path) -> None:
    load_or_create(tmp_path, 9500)
    written = json.loads((tmp_path / "sandbox.json").read_text())
    assert written == {
        "fcm_base_url": "https://127.0.0.1:9502",
        "apns_host": "127.0.0.1",
        "apns_port": 9501,
        "webpush_allowed_hosts": ["127.0.0.1", "localhost"],
        "sms_base_url": "https://127.0.0.1:9502",
        "ca_file": str(tmp_path / "sandbox-ca.pem"),
    }


def test_secrets_are_private_and_the_ca_is_not(tmp_path: Path) -> None:
    load_or_create(tmp_path, 9500)
    modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.rglob("*") if path.is_file()}
    assert {modes[name] for name in ("master.key", "service-account.key", "server.key")} == {0o600}
    assert {modes[name] for name in ("sandbox-ca.pem", "sandbox.json", "apps.json")} == {0o644}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make files for others")
def test_root_leaves_files_to_the_owner_of_the_directory(tmp_path: Path) -> None:
    os.chown(tmp_path, 12345, 12345)
    load_or_create(tmp_path, 9500)
    assert {path.stat().st_uid for path in tmp_path.rglob("*")} == {12345}


def test_the_authority_is_good_for_strict_clients(sandbox: RunningSandbox) -> None:
    context = ssl.create_default_context(cafile=sandbox.ca_file)
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    for name in ("127.0.0.1", "localhost"):
        with socket.create_connection(("127.0.0.1", sandbox.port + 2), timeout=60) as plain:
            context.wrap_socket(plain, server_hostname=name).close()


def start(tmp_path: Path, *options: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    settings = {**os.environ, "HELIOGRAPH_DATA_DIR": str(tmp_path), **environment}
    command = [sys.executable, "manage.py", "sandbox", *options]
    return subprocess.run(command, env=settings, cwd=REPOSITORY, capture_output=True, text=True, timeout=120)


def test_production_refuses_to_start_it(tmp_path: Path) -> None:
    done = start(tmp_path, HELIOGRAPH_ENV="production")
    assert done.returncode != 0
    assert "production" in done.stderr
    assert not (tmp_path / "sandbox").exists()


def test_a_port_in_use_is_named(tmp_path: Path, sandbox: RunningSandbox) -> None:
    done = start(tmp_path, "--port", str(sandbox.port))
    assert done.returncode != 0
    assert f"port {sandbox.port} cannot be used" in done.stderr
