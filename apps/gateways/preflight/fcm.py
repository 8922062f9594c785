"""Google's service account file."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from django.utils.translation import gettext as _

from apps.core.problems import FieldProblem

_NEEDED = ("project_id", "private_key", "client_email", "token_uri")
_GOOGLE_DOMAIN = ".iam.gserviceaccount.com"


def parse_service_account(text: str) -> dict[str, str]:
    """The file as FcmCredentials want it. Raises ValueError where `check_fcm` finds problems."""
    if check_fcm(text):
        raise ValueError("not a usable service account file")
    document: dict[str, str] = json.loads(text.removeprefix("\ufeff"))
    return document


def check_fcm(text: str, *, project_id: str = "") -> list[FieldProblem]:
    """Problems of a pasted service account file. project_id: the project that is expected, "" = any."""
    text = text.removeprefix("\ufeff").strip()
    if not text:
        return [_stranger("required", _("paste the whole file"))]
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return [_not_json(text)]
    if not isinstance(document, dict):
        return [_stranger("service_account_not_object", _("is JSON, but no object"))]
    if stranger := _another_file(document):
        return [stranger]
    return [*_fields(document), *_project(document, project_id)]


def _not_json(text: str) -> FieldProblem:
    if text.startswith(("<?xml", "<!DOCTYPE plist", "<plist")):
        return _stranger("service_account_is_plist", _("is GoogleService-Info.plist, which belongs in the iOS app"))
    if ":APA91" in text and " " not in text:
        return _stranger("service_account_is_server_key", _("is a legacy server key, which Google no longer takes"))
    if text.startswith("-----BEGIN"):
        return _stranger("service_account_is_key", _("is only a key; the whole JSON file holds it"))
    return _stranger("service_account_not_json", _("is not JSON"))


def _another_file(document: Mapping[str, Any]) -> FieldProblem | None:
    if "project_info" in document or "client" in document:
        message = _("is google-services.json, which belongs in the Android app")
        return _stranger("service_account_is_google_services", message)
    if "apiKey" in document or "authDomain" in document:
        message = _("is the web app's configuration, which belongs in the web site")
        return _stranger("service_account_is_web_config", message)
    kind = document.get("type")
    if kind == "authorized_user":
        message = _("holds a person's own login (type authorized_user)")
        return _stranger("service_account_is_user", message)
    if kind == "external_account":
        message = _("is a workload identity (type external_account), which has no key of its own")
        return _stranger("service_account_is_external", message)
    if kind != "service_account":
        return _stranger("service_account_type", _("has no `type` service_account"))
    return None


def _fields(document: Mapping[str, Any]) -> Iterator[FieldProblem]:
    for name in _NEEDED:
        if not isinstance(document.get(name), str) or not document[name].strip():
            yield _of(f"{name}_missing", _("lacks %(name)s") % {"name": name})
    key = document.get("private_key")
    if isinstance(key, str) and key.strip() and not _is_rsa_key(key):
        message = _("private_key cannot be read: it must be the PEM text as Google wrote it, line breaks as \\n")
        yield _of("private_key_invalid", message)
    token_uri = document.get("token_uri")
    if isinstance(token_uri, str) and token_uri and not token_uri.startswith(("https://", "http://127.0.0.1:")):
        yield _of("token_uri_invalid", _("token_uri must begin with https://"))


def _is_rsa_key(text: str) -> bool:
    try:
        return isinstance(serialization.load_pem_private_key(text.encode(), password=None), rsa.RSAPrivateKey)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return False


def _project(document: Mapping[str, Any], expected: str) -> Iterator[FieldProblem]:
    project, email = str(document.get("project_id", "")), str(document.get("client_email", ""))
    home = email.rpartition("@")[2]
    if project and home.endswith(_GOOGLE_DOMAIN) and home != f"{project}{_GOOGLE_DOMAIN}":
        message = _("project_id is %(project)s, but client_email belongs to %(home)s")
        words = {"project": project, "home": home.removesuffix(_GOOGLE_DOMAIN)}
        yield _of("project_mismatch", message % words)
    elif project and expected and project != expected:
        message = _("belongs to the project %(project)s, not to %(expected)s")
        yield _of("project_mismatch", message % {"project": project, "expected": expected})


def _stranger(code: str, message: str) -> FieldProblem:
    wanted = _("the service account file is wanted: Firebase console, Project settings, Service accounts")
    return _of(code, f"{message}; {wanted}")


def _of(code: str, message: str) -> FieldProblem:
    return FieldProblem("/service_account", code, message)
