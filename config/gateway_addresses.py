"""Where the vendors are: from the environment; outside production, what it leaves unset from the running sandbox."""

import json
from pathlib import Path
from typing import Any

from apps.gateways.contract import Endpoints, WireKind
from config import env

_WIRES: dict[str, WireKind] = {"curl": "curl", "lean": "lean"}


def endpoints(data_dir: Path, *, may_be_sandbox: bool) -> Endpoints:
    """The addresses that every gateway of this process uses.

    The sandbox writes its own into sandbox.json of the data directory; a variable that is set wins over it.
    """
    sandbox = _sandbox(data_dir) if may_be_sandbox else {}
    real = Endpoints()
    hosts = env.words("WEBPUSH_ALLOWED_HOSTS") or sandbox.get("webpush_allowed_hosts", [])
    return Endpoints(
        fcm_base_url=env.text("FCM_BASE_URL") or sandbox.get("fcm_base_url", real.fcm_base_url),
        apns_host=env.text("APNS_HOST") or sandbox.get("apns_host", real.apns_host),
        apns_port=int(env.text("APNS_PORT") or sandbox.get("apns_port", real.apns_port)),
        webpush_allowed_hosts=tuple(hosts),
        sms_base_url=env.text("SMS_BASE_URL") or sandbox.get("sms_base_url", real.sms_base_url),
        ca_file=env.text("GATEWAY_CA_FILE") or sandbox.get("ca_file", real.ca_file),
        wire=_wire(env.text("HELIOGRAPH_WIRE", real.wire)),
    )


def _wire(word: str) -> WireKind:
    if word not in _WIRES:
        raise SystemExit(f"HELIOGRAPH_WIRE is {word!r}: it must be curl or lean")
    return _WIRES[word]


def _sandbox(data_dir: Path) -> dict[str, Any]:
    try:
        addresses: dict[str, Any] = json.loads((data_dir / "sandbox.json").read_text())
    except FileNotFoundError:
        return {}
    return addresses
