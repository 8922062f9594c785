"""A bare FCM client for tests: it says exactly what a test wants to say."""

import json
import time
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import urlencode

import jwt

from tests.fixtures_sandbox import RunningSandbox

GOOGLE = "https://oauth2.googleapis.com/token"
SCOPE = "https://www.googleapis.com/auth/firebase.messaging"
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"


def post(url: str, body: bytes, headers: dict[str, str]) -> tuple[int, dict[str, str], Any]:
    """(status, headers, JSON) of a POST."""
    request = urllib.request.Request(url, body, headers, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, dict(answer.headers), json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, dict(error.headers), json.loads(error.read())


def log_in(sandbox: RunningSandbox, slug: str = "shop", key: str | None = None, **claims: Any) -> tuple[int, Any]:
    """(status, JSON) of the token endpoint; claims replace the good ones."""
    account = sandbox.credentials.app(slug).fcm.service_account
    now = int(time.time())
    good = {"iss": account["client_email"], "aud": GOOGLE, "iat": now, "exp": now + 3600, "scope": SCOPE}
    assertion = jwt.encode(good | claims, key or account["private_key"], "RS256")
    form = urlencode({"grant_type": GRANT, "assertion": assertion}).encode()
    status, _, document = post(account["token_uri"], form, {"content-type": "application/x-www-form-urlencoded"})
    return status, document


class FcmClient:
    """Logged in to one app's project."""

    def __init__(self, sandbox: RunningSandbox, slug: str = "shop") -> None:
        self.project = sandbox.credentials.app(slug).project_id
        self._sandbox = sandbox
        self.bearer = log_in(sandbox, slug)[1]["access_token"]

    def send(self, message: Any, project: str | None = None, **rest: Any) -> tuple[int, Any]:
        """(status, JSON) of one send."""
        status, _, document = self.send_raw(json.dumps({"message": message, **rest}).encode(), project)
        return status, document

    def send_raw(self, body: bytes, project: str | None = None) -> tuple[int, dict[str, str], Any]:
        """(status, headers, JSON) of one send of these bytes."""
        url = f"{self._sandbox.url}/v1/projects/{project or self.project}/messages:send"
        return post(url, body, {"authorization": f"Bearer {self.bearer}", "content-type": "application/json"})


def fcm_code(document: Any) -> str:
    """The FcmError of an error document, "" without one."""
    return next((detail["errorCode"] for detail in document["error"].get("details", []) if "errorCode" in detail), "")


def violated_fields(document: Any) -> list[str]:
    """The fields of its BadRequest."""
    details = document["error"].get("details", [])
    return [each.get("field", "") for detail in details for each in detail.get("fieldViolations", [])]
