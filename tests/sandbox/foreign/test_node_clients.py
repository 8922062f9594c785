"""The vendors' own Node libraries against the sandbox, from the npm registry at the versions of package.json."""

import hashlib
import json
import os
import shutil
import subprocess
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from apps.gateways.contract import ApnsCredentials
from tests.fixtures_sandbox import RunningSandbox

HERE = Path(__file__).resolve().parent
pytestmark = pytest.mark.long


@pytest.fixture(scope="session")
def node_modules() -> Path:
    """Installed once for each package.json, beside the tests' data."""
    if shutil.which("npm") is None:
        pytest.skip("no npm on this machine: the Node clients are not tried")
    version = hashlib.sha256((HERE / "package.json").read_bytes()).hexdigest()[:12]
    folder = Path(os.environ["HELIOGRAPH_DATA_DIR"]) / f"foreign-node-{version}"
    if not (folder / "complete").exists():
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(HERE / "package.json", folder)
        command = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"]
        subprocess.run(command, cwd=folder, check=True, timeout=900)
        (folder / "complete").touch()
    return folder / "node_modules"


@pytest.fixture
def ask(node_modules: Path, sandbox: RunningSandbox) -> Any:
    """Puts a question to one of the scripts beside this file; its answer."""
    environment = {**os.environ, "NODE_PATH": str(node_modules), "NODE_EXTRA_CA_CERTS": sandbox.ca_file}

    def run(script: str, **question: Any) -> dict[str, Any]:
        done = subprocess.run(
            ["node", HERE / script],
            input=json.dumps(question),
            env=environment,
            capture_output=True,
            text=True,
            timeout=600,
        )
        assert done.stdout, done.stderr
        answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return answer

    return run


MESSAGE = {"token": "ok-node", "notification": {"title": "Hi", "body": "There"}, "data": {"nid": "n1"}}


def test_firebase_admin_delivers(sandbox: RunningSandbox, ask: Any) -> None:
    account = sandbox.credentials.app("shop").fcm.service_account
    answer = ask("firebase_admin.cjs", account=dict(account), port=sandbox.port + 2, message=MESSAGE)
    assert answer["id"].startswith("projects/heliograph-shop/messages/")
    assert sandbox.inbox(token="ok-node")["messages"][0]["notification_id"] == "n1"


@pytest.mark.parametrize(
    ("changes", "token", "code", "text"),
    [
        ({}, "dead-node", "messaging/registration-token-not-registered", "not found"),
        ({}, "bad-node", "messaging/invalid-argument", "registration token"),
        ({"project_id": "heliograph-news"}, "ok-node", "messaging/mismatched-credential", "denied"),
        ({"client_email": "a@b.iam.gserviceaccount.com"}, "ok-node", "app/invalid-credential", "invalid_grant"),
    ],
)
def test_firebase_admin_understands_the_refusals(
    sandbox: RunningSandbox, ask: Any, changes: dict[str, str], token: str, code: str, text: str
) -> None:
    sandbox.credentials.app("news")
    account = {**sandbox.credentials.app("shop").fcm.service_account, **changes}
    answer = ask("firebase_admin.cjs", account=account, port=sandbox.port + 2, message={**MESSAGE, "token": token})
    assert (answer["code"], text in answer["text"]) == (code, True), answer


def ask_apple(sandbox: RunningSandbox, ask: Any, apns: ApnsCredentials, *tokens: str) -> dict[str, Any]:
    ca = Path(sandbox.ca_file).read_text()
    answer: dict[str, Any] = ask("node_apn.cjs", apns=asdict(apns), port=sandbox.port + 1, ca=ca, tokens=tokens)
    return answer


def test_node_apn_delivers_and_understands_the_refusals(sandbox: RunningSandbox, ask: Any) -> None:
    good, dead = "aa" * 32, "dead0000" + "aa" * 28
    answer = ask_apple(sandbox, ask, sandbox.credentials.app("shop").apns, good, dead)
    assert answer == {"sent": [good], "failed": [[dead, 410, "Unregistered"]]}
    assert sandbox.inbox(token=good)["messages"][0]["notification_id"] == "n1"


def test_node_apn_is_refused_with_a_strange_key(sandbox: RunningSandbox, ask: Any) -> None:
    shop, news = (sandbox.credentials.app(slug).apns for slug in ("shop", "news"))
    strange = ApnsCredentials(news.key_p8, shop.key_id, shop.team_id, shop.topic)
    answer = ask_apple(sandbox, ask, strange, "aa" * 32)
    assert answer["failed"] == [["aa" * 32, 403, "InvalidProviderToken"]]


@pytest.mark.parametrize(
    ("key_of", "fate", "status"), [("shop", "ok", 201), ("news", "ok", 403), ("shop", "dead", 410)]
)
def test_web_push_delivers_and_is_refused(
    sandbox: RunningSandbox, ask: Any, key_of: str, fate: str, status: int
) -> None:
    _, made = sandbox.call("POST", "/_subscriptions", {"fate": fate})
    subscription = {"endpoint": made["endpoint_tls"], "keys": made["keys"]}
    vapid = asdict(sandbox.credentials.app(key_of).vapid)
    answer = ask("web_push.cjs", subscription=subscription, vapid=vapid, payload='{"title": "Hi", "nid": "n1"}')
    assert answer["status"] == status
    assert sandbox.inbox()["count"] == (1 if status == 201 else 0)
