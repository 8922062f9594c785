"""What a client needs to log in to the sandbox: made once, kept in the data directory, one set for each app.

A master secret and an RSA key are stored; everything else is derived from the master secret and the app's slug, so
that demo data can be made while the sandbox is not running, and both agree. Known apps are listed in apps.json.
"""

import fcntl
import hmac
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any, cast

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from apps.gateways.contract import ApnsCredentials, FcmCredentials, TwilioCredentials, VapidCredentials
from apps.sandbox.certificates import make_authority, make_server, private_key_pem
from apps.sandbox.subscriptions import (
    BrowserKeys,
    Subscription,
    base64url,
    browser_keys,
    derive_key,
    derive_subscription,
    public_point,
)

DEFAULT_APP = "shop"
HOST = "127.0.0.1"
_KEY_MARK = "k_"


@dataclass(frozen=True, slots=True)
class AppCredentials:
    """One app's account with each vendor."""

    slug: str
    fcm: FcmCredentials
    apns: ApnsCredentials
    vapid: VapidCredentials
    sms: TwilioCredentials

    @property
    def project_id(self) -> str:
        """The Firebase project."""
        return self.fcm.service_account["project_id"]


class SandboxCredentials:
    """All credentials of one sandbox. Cost: the first `app()` of a slug about 1 ms, later ones nothing."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.port = port
        self.ca_pem = (folder / "ca.pem").read_text()
        self._master = bytes.fromhex((folder / "master.key").read_text().strip())
        self._rsa_pem = (folder / "service-account.key").read_text()
        self._apps: dict[str, AppCredentials] = {}

    @property
    def base_url(self) -> str:
        """The plain HTTP address."""
        return f"http://{HOST}:{self.port}"

    @property
    def base_url_tls(self) -> str:
        """The same over TLS, where HTTP/2 is spoken too."""
        return f"https://{HOST}:{self.port + 2}"

    @cached_property
    def service_account_public_key(self) -> rsa.RSAPublicKey:
        """What the assertions of all service accounts are verified with."""
        key = serialization.load_pem_private_key(self._rsa_pem.encode(), None)
        return cast(rsa.RSAPrivateKey, key).public_key()

    def app(self, slug: str = DEFAULT_APP) -> AppCredentials:
        """The credentials of one app; the slug becomes known to the sandbox. Touches: apps.json, when new."""
        if slug not in self._apps:
            self._remember(slug)
            self._apps[slug] = self._derive(slug)
        return self._apps[slug]

    def known_apps(self) -> list[AppCredentials]:
        """All apps that were ever asked for, also by another process."""
        return [self.app(slug) for slug in _read_apps(self.folder)]

    def subscription_for(self, subscription_id: str) -> Subscription:
        """The virtual browser of that id, at its TLS endpoint.

        An id `<name>.<slug>` belongs to that app, one without a dot to the default app.
        """
        return derive_subscription(self._master, subscription_id, f"{self.base_url_tls}/wp/{subscription_id}")

    def browser_keys(self, subscription_id: str) -> BrowserKeys:
        """The secret side of that virtual browser."""
        return browser_keys(self._master, subscription_id)

    def is_bound(self, subscription_id: str, public_key: str) -> bool:
        """Whether the subscription was made with this VAPID key (applicationServerKey)."""
        owner = subscription_id.rpartition(".")[2] if "." in subscription_id else DEFAULT_APP
        if owner.startswith(_KEY_MARK):
            return owner == key_mark(public_key)
        app = self._apps.get(owner) or (self.app(owner) if owner in _read_apps(self.folder) else None)
        return app is not None and app.vapid.public_key == public_key

    def documents(self, slug: str = DEFAULT_APP) -> dict[str, Any]:
        """What GET /_credentials answers."""
        app = self.app(slug)
        return {
            "fcm_service_account": dict(app.fcm.service_account),
            "apns": {
                "key_p8": app.apns.key_p8,
                "key_id": app.apns.key_id,
                "team_id": app.apns.team_id,
                "topic": app.apns.topic,
            },
            "vapid": {
                "public_key": app.vapid.public_key,
                "private_key": app.vapid.private_key,
                "subject": app.vapid.subject,
            },
            "sms": {"account_sid": app.sms.account_sid, "auth_token": app.sms.auth_token, "sender": app.sms.sender},
            "ca_pem": self.ca_pem,
        }

    def _remember(self, slug: str) -> None:
        with _locked(self.folder):
            known = _read_apps(self.folder)
            if slug not in known:
                _write(self.folder / "apps.json", json.dumps([*known, slug]), 0o644)

    def _derive(self, slug: str) -> AppCredentials:
        apns_key = derive_key(self._master, f"apns|{slug}")
        vapid_key = derive_key(self._master, f"vapid|{slug}")
        return AppCredentials(
            slug=slug,
            fcm=FcmCredentials(self._service_account(slug)),
            apns=ApnsCredentials(
                key_p8=private_key_pem(apns_key),
                key_id=self._letters(f"kid|{slug}", 10),
                team_id=self._letters(f"team|{slug}", 10),
                topic=f"app.heliograph.{slug}",
            ),
            vapid=_vapid(vapid_key, slug),
            sms=TwilioCredentials(
                account_sid="AC" + self._digest(f"sid|{slug}")[:32],
                auth_token=self._digest(f"token|{slug}")[:32],
                sender="+1500555" + f"{int(self._digest(f'sender|{slug}')[:8], 16) % 9000 + 1000}",
            ),
        )

    def _service_account(self, slug: str) -> dict[str, str]:
        """The JSON file Google would issue, pointing at our token endpoint."""
        project = f"heliograph-{slug}"
        email = f"firebase-adminsdk@{project}.iam.gserviceaccount.com"
        return {
            "type": "service_account",
            "project_id": project,
            "private_key_id": self._digest(f"rsa|{slug}")[:40],
            "private_key": self._rsa_pem,
            "client_email": email,
            "client_id": str(int(self._digest(f"client|{slug}")[:16], 16)).zfill(21)[:21],
            "auth_uri": f"{self.base_url}/oauth/auth",
            "token_uri": f"{self.base_url}/oauth/token",
            "universe_domain": "googleapis.com",
        }

    def _digest(self, label: str) -> str:
        return hmac.digest(self._master, label.encode(), "sha256").hex()

    def _letters(self, label: str, count: int) -> str:
        """Capital letters and digits, as in Apple's key and team ids."""
        alphabet = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
        return "".join(alphabet[byte % 32] for byte in bytes.fromhex(self._digest(label))[:count])


def load_or_create(data_dir: Path | str, port: int = 9400) -> SandboxCredentials:
    """The credentials kept under `data_dir`, made on first use; also (re)writes sandbox.json for the settings.

    Touches: data_dir/sandbox/, data_dir/sandbox-ca.pem, data_dir/sandbox.json. Safe to call from several processes.
    """
    root = Path(data_dir)
    folder = root / "sandbox"
    folder.mkdir(parents=True, exist_ok=True)
    _give_to_owner(folder, root)
    with _locked(folder):
        _create_missing(folder)
        _publish(root, folder, port)
    credentials = SandboxCredentials(folder, port)
    credentials.app(DEFAULT_APP)
    return credentials


def _create_missing(folder: Path) -> None:
    if not (folder / "master.key").exists():
        _write(folder / "master.key", secrets.token_hex(32), 0o600)
    if not (folder / "service-account.key").exists():
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        _write(folder / "service-account.key", key.private_bytes(*form).decode(), 0o600)
    if not (folder / "server.pem").exists():
        now = datetime.now(UTC)
        authority, authority_key = make_authority(now)
        certificate, key_text = make_server(authority, authority_key, now)
        _write(folder / "ca.pem", authority, 0o644)
        _write(folder / "server.key", key_text, 0o600)
        _write(folder / "server.pem", certificate, 0o644)


def _publish(root: Path, folder: Path, port: int) -> None:
    """Write what settings and clients read: the CA, and where the gateways are."""
    ca_file = root / "sandbox-ca.pem"
    _write(ca_file, (folder / "ca.pem").read_text(), 0o644)
    tls = f"https://{HOST}:{port + 2}"
    addresses = {
        "fcm_base_url": tls,
        "apns_host": HOST,
        "apns_port": port + 1,
        "webpush_allowed_hosts": [HOST, "localhost"],
        "sms_base_url": tls,
        "ca_file": str(ca_file.absolute()),
    }
    _write(root / "sandbox.json", json.dumps(addresses, indent=1), 0o644)


def key_mark(public_key: str) -> str:
    """What a subscription id ends with, after a dot, when it belongs to a VAPID key that is not the sandbox's."""
    return _KEY_MARK + base64url(sha256(public_key.rstrip("=").encode()).digest())[:20]


def _vapid(key: ec.EllipticCurvePrivateKey, slug: str) -> VapidCredentials:
    scalar = key.private_numbers().private_value.to_bytes(32)
    return VapidCredentials(base64url(scalar), base64url(public_point(key)), f"mailto:push@{slug}.example.com")


def _read_apps(folder: Path) -> list[str]:
    path = folder / "apps.json"
    return list(json.loads(path.read_text())) if path.exists() else []


def _write(path: Path, text: str, mode: int) -> None:
    """Replace a file whole, with its mode, owned by whoever owns the folder. Unchanged content is left alone."""
    if path.exists() and os.access(path, os.R_OK) and path.read_text() == text:
        return
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.touch(mode=mode)
    partial.write_text(text)
    partial.chmod(mode)
    _give_to_owner(partial, path.parent)
    partial.replace(path)


def _give_to_owner(path: Path, like: Path) -> None:
    """Started by root over somebody else's directory: what we make there is theirs."""
    if os.geteuid() == 0:
        owner = like.stat()
        os.chown(path, owner.st_uid, owner.st_gid)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """One writer at a time, over processes."""
    path = folder / ".lock"
    with path.open("a") as lock:
        _give_to_owner(path, folder)
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
