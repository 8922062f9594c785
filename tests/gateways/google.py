"""A Firebase project of a test's own: its service account, and a vendor that plays Google's token server and FCM."""

import itertools
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import parse_qs

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from apps.gateways.contract import Endpoints, FcmCredentials
from apps.gateways.fcm import FcmGateway
from apps.gateways.wire import WireLimits
from tests.gateways.vendor import Reply, Seen

_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
QUICK = WireLimits(connections=2, deadline_seconds=3.0)


@dataclass(slots=True)
class Google:
    """The script of a vendor. `fcm` answers messages; token answers count up: tok-1, tok-2."""

    fcm: Callable[[dict[str, object], Seen], Reply] = field(default=lambda message, seen: accepted())
    oauth: Callable[[], Reply] | None = None
    expires_in: int = 3599
    claims: list[dict[str, object]] = field(default_factory=list)
    counter: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    def __call__(self, seen: Seen) -> Reply:
        if seen.path != "/token":
            return self.fcm(json.loads(seen.body)["message"], seen)
        assertion = parse_qs(seen.body.decode())["assertion"][0]
        audience = "https://oauth2.googleapis.com/token"
        self.claims.append(jwt.decode(assertion, _KEY.public_key(), algorithms=["RS256"], audience=audience))
        if self.oauth is not None:
            return self.oauth()
        token = {"access_token": f"tok-{next(self.counter)}", "expires_in": self.expires_in, "token_type": "Bearer"}
        return Reply(200, json.dumps(token).encode(), {"content-type": "application/json"})


def accepted() -> Reply:
    return Reply(200, b'{"name": "projects/p1/messages/0:1"}')


def refused(status: int, word: str, code: str = "", text: str = "no", *, fields: bool = False) -> Reply:
    """An error as Google writes it."""
    details: list[dict[str, object]] = []
    if code:
        details.append({"@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", "errorCode": code})
    if fields:
        details.append({"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": [{"field": "x"}]})
    error = {"code": status, "message": text, "status": word, "details": details}
    return Reply(status, json.dumps({"error": error}).encode())


def service_account(token_uri: str) -> dict[str, str]:
    pem = _KEY.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return {
        "type": "service_account",
        "project_id": "p1",
        "private_key_id": "k1",
        "private_key": pem.decode(),
        "client_email": "sender@p1.iam.gserviceaccount.com",
        "client_id": "1",
        "token_uri": token_uri,
    }


def gateway_at(url: str, ca_file: str, *, now: Callable[[], float] = time.time) -> FcmGateway:
    endpoints = Endpoints(fcm_base_url=url, ca_file=ca_file)
    return FcmGateway(FcmCredentials(service_account(f"{url}/token")), endpoints, limits=QUICK, now=now)
