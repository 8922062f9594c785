"""Signed identities: with a publishable key alone nobody registers a phone as somebody else's."""

import json
from datetime import timedelta
from typing import Any
from uuid import uuid4

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from apps.accounts.models import App, AuditEntry
from apps.api.models import IdentityCheck, IdentityKey
from apps.api.services.identity import clean_identity_key, forget_rules
from apps.api.services.identity_tally import REGISTRATIONS, Tally, last_days
from apps.core.problems import InvalidInput
from apps.customers.models import Consent, Customer
from apps.devices.models import Device
from tests.factories import NOW, make_app, make_customer, make_user
from tests.factories.api import ApiCaller, codes_of, make_key

pytestmark = pytest.mark.django_db
DEVICE = {"platform": "android", "provider": "fcm", "address": "token-1", "customer": "ada"}
SECRET = "a-shared-secret-of-more-than-32-bytes"
SIGNER = ec.generate_private_key(ec.SECP256R1())
PUBLIC = SIGNER.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def token(key: Any = SIGNER, algorithm: str = "ES256", minutes: float = 10, **claims: Any) -> str:
    said = {"sub": "ada", "aud": "shop", "exp": int((timezone.now() + timedelta(minutes=minutes)).timestamp())}
    said = {name: value for name, value in {**said, **claims}.items() if value is not None}
    return jwt.encode(said, key, algorithm=algorithm)


@pytest.fixture
def check(app: App) -> IdentityCheck:
    forget_rules()
    check = IdentityCheck.objects.create(app=app, mode="enforce")
    IdentityKey.objects.create(check_of=check, name="server", algorithm="ES256", key=PUBLIC)
    IdentityKey.objects.create(check_of=check, name="old server", algorithm="HS256", key=SECRET)
    return check


@pytest.fixture
def public(app: App) -> ApiCaller:
    return ApiCaller(make_key(app, kind="pub"))


def register(caller: ApiCaller, **more: Any) -> Any:
    return caller.post("/v2.1/devices", {**DEVICE, **more})


@pytest.mark.parametrize("proof", [(SIGNER, "ES256"), (SECRET, "HS256")], ids=["ES256", "HS256"])
def test_a_signed_identity_opens(check: IdentityCheck, public: ApiCaller, proof: Any) -> None:
    assert register(public, identity_token=token(*proof)).status_code == 201
    assert Device.objects.get().customer.external_id == "ada"


@pytest.mark.parametrize(
    ("said", "detail"),
    [
        ({"sub": "eve"}, "sub is not the customer"),
        ({"sub": None}, "sub is not the customer"),
        ({"aud": "news"}, "aud is not shop"),
        ({"aud": None}, "aud is not shop"),
        ({"aud": ["shop", "news"]}, "aud is not shop"),
        ({"minutes": -2}, "expired"),
        ({"minutes": 75}, "longer than an hour"),
        ({"exp": None}, "no exp"),
        ({"exp": float("nan")}, "no exp"),
        ({"exp": 10**400}, "longer than an hour"),
        ({"nbf": 9_999_999_999}, "not good yet"),
        ({"key": "another-secret-of-more-than-32-bytes!", "algorithm": "HS256"}, "none of the app's"),
        ({"key": ec.generate_private_key(ec.SECP256R1())}, "none of the app's"),
        ({"key": "", "algorithm": "none"}, "none of the app's"),
    ],
    ids=lambda value: "" if isinstance(value, dict) else value,
)
def test_a_wrong_one_is_refused(check: IdentityCheck, public: ApiCaller, said: dict[str, Any], detail: str) -> None:
    answer = register(public, identity_token=token(**said))
    assert (answer.status_code, answer.json()["code"]) == (401, "identity_invalid")
    assert detail in answer.json()["errors"][0]["message"]
    assert not Device.objects.exists()


def test_a_token_with_jti_is_good_for_one_device(check: IdentityCheck, public: ApiCaller) -> None:
    proof = token(jti=str(uuid4()))
    assert register(public, identity_token=proof).status_code == 201
    assert register(public, identity_token=proof).status_code == 200, "an answer may be lost"
    stolen = register(public, identity_token=proof, address="token-of-eve")
    assert (stolen.status_code, stolen.json()["code"]) == (401, "identity_invalid")
    assert "another device has used it" in stolen.json()["errors"][0]["message"]
    assert Device.objects.count() == 1
    assert register(public, identity_token=token(jti=str(uuid4())), address="token-2").status_code == 201


def test_a_device_that_changes_its_address_keeps_its_token(check: IdentityCheck, public: ApiCaller) -> None:
    proof = token(jti=str(uuid4()))
    first = register(public, identity_token=proof).json()
    own = {"X_Device_Id": str(first["device_id"]), "X_Device_Secret": first["device_secret"]}
    body = {**DEVICE, "identity_token": proof, "address": "token-2", "previous_address": "token-1"}
    assert public.post("/v2.1/devices", body, **own).status_code == 200
    assert register(public, identity_token=proof).status_code == 401, "the address it had is another device's now"


def test_a_jti_with_half_a_character_is_one_like_any_other(check: IdentityCheck, public: ApiCaller) -> None:
    proof = token(jti=f"\ud800{uuid4()}")
    assert register(public, identity_token=proof).status_code == 201
    assert codes_of(register(public, identity_token=proof, address="token-2")) == {"identity_invalid"}


@pytest.mark.parametrize("jti", [7, ["x"], True])
def test_a_jti_is_a_text(check: IdentityCheck, public: ApiCaller, jti: Any) -> None:
    claims = {"sub": "ada", "aud": "shop", "exp": int(timezone.now().timestamp()) + 600, "jti": jti}
    proof = jwt.api_jws.encode(json.dumps(claims).encode(), SIGNER, algorithm="ES256")
    answer = register(public, identity_token=proof)
    assert "jti is not a text" in answer.json()["errors"][0]["message"]


def test_the_public_key_is_no_shared_secret(check: IdentityCheck, public: ApiCaller) -> None:
    """The confusion of algorithms: a token signed HS256 with the public key, which anybody may know."""
    import base64
    import hashlib
    import hmac

    def part(value: Any) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    exp = int((timezone.now() + timedelta(minutes=5)).timestamp())
    signed = f"{part({'alg': 'HS256', 'typ': 'JWT'})}.{part({'sub': 'ada', 'aud': 'shop', 'exp': exp})}"
    mac = base64.urlsafe_b64encode(hmac.digest(PUBLIC.encode(), signed.encode(), hashlib.sha256)).rstrip(b"=")
    assert register(public, identity_token=f"{signed}.{mac.decode()}").status_code == 401


def test_without_one_nobody_is_named_but_an_anonymous_device_is_taken(check: IdentityCheck, public: ApiCaller) -> None:
    assert codes_of(register(public)) == {"identity_required"}
    assert register(public, customer=None).status_code == 201


def test_a_secret_key_needs_none(check: IdentityCheck, api: ApiCaller) -> None:
    assert register(api).status_code == 201


def test_monitor_lets_through_and_warns(check: IdentityCheck, public: ApiCaller) -> None:
    IdentityCheck.objects.update(mode="monitor")
    answer = register(public, identity_token=token(sub="eve"))
    assert (answer.status_code, answer.json()["warnings"][0]["code"]) == (201, "identity_invalid")
    assert register(public, identity_token=token()).json()["warnings"] == []


def test_off_asks_and_proves_nothing(check: IdentityCheck, public: ApiCaller) -> None:
    IdentityCheck.objects.update(mode="off")
    assert register(public, identity_token="x").json()["warnings"] == []


def test_whose_secret_is_not_shown_takes_over_no_device(check: IdentityCheck, public: ApiCaller) -> None:
    """Whoever learns a token could otherwise put an address of their own in its place."""
    known = register(public, identity_token=token()).json()
    moved = {**DEVICE, "address": "token-2", "previous_address": "token-1", "customer": None}
    refused = public.post("/v2.1/devices", moved)
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (401, "/previous_address")
    shown = {"X-Device-Id": str(known["device_id"]), "X-Device-Secret": known["device_secret"]}
    wrong = public.post("/v2.1/devices", moved | {"previous_address": "token-9"}, **shown)
    assert wrong.status_code == 401
    assert public.post("/v2.1/devices", moved, **shown).json()["device_id"] == known["device_id"]
    assert Device.objects.get().address == "token-2"


def test_a_new_address_may_be_told_twice(check: IdentityCheck, public: ApiCaller) -> None:
    """The answer to the first may be lost; but nobody's address is taken by a device that has another already."""
    known = register(public, identity_token=token()).json()
    shown = {"X-Device-Id": str(known["device_id"]), "X-Device-Secret": known["device_secret"]}
    moved = {**DEVICE, "address": "token-2", "previous_address": "token-1", "customer": None}
    assert [public.post("/v2.1/devices", moved, **shown).status_code for _ in range(2)] == [200, 200]
    register(public, address="token-3", customer=None)
    assert public.post("/v2.1/devices", moved | {"previous_address": "token-3"}, **shown).status_code == 401
    assert Device.objects.filter(state="active").count() == 2


def test_monitor_counts_whom_enforcing_would_shut_out(check: IdentityCheck, public: ApiCaller, client: Client) -> None:
    IdentityCheck.objects.update(mode="monitor")
    for proof in (token(), token(), token(sub="eve"), None):
        register(public, identity_token=proof)
    REGISTRATIONS.add_all()
    assert last_days(app=check.app, now=timezone.now()) == {"proved": 2, "missing": 1, "wrong": 1}
    client.force_login(make_user(check.app, role="owner"))
    page = client.get(reverse("admin:api_identitycheck_change", args=[check.pk])).content.decode()
    assert "2 with a good proof, 1 without one, 1 with a wrong one" in page


def test_what_was_counted_is_added_once_in_a_while(app: App) -> None:
    tally = Tally(add_every_seconds=3600)
    for _ in range(3):
        tally.count(app.pk, NOW, "missing")
    assert last_days(app=app, now=NOW)["missing"] == 1, "the first at once"
    tally.add_all()
    tally.add_all()
    assert last_days(app=app, now=NOW)["missing"] == 3


@pytest.mark.parametrize(("mode", "answers"), [("enforce", [False, True]), ("off", [False])])
def test_who_is_proved_may_take_a_no_back(
    check: IdentityCheck, public: ApiCaller, app: App, mode: str, answers: list[bool]
) -> None:
    IdentityCheck.objects.update(mode=mode)
    ada = make_customer(app, external_id="ada")
    for granted in (False, True):
        register(public, identity_token=token(), consent={"push": granted})
    assert list(Consent.objects.filter(customer=ada).order_by("pk").values_list("granted", flat=True)) == answers


def test_another_apps_keys_prove_nothing_here(check: IdentityCheck) -> None:
    other = make_app(slug="other")
    IdentityCheck.objects.create(app=other, mode="enforce")
    caller = ApiCaller(make_key(other, kind="pub"))
    assert register(caller, identity_token=token(aud="other")).status_code == 401
    assert not Customer.objects.filter(app=other).exists()


@pytest.mark.parametrize(
    ("algorithm", "pasted", "told"),
    [
        ("HS256", "short", "at least 32"),
        ("ES256", "no key", "no public key"),
        (
            "ES256",
            SIGNER.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
            "Keep it on your server",
        ),
        (
            "ES256",
            rsa.generate_private_key(65537, 2048)
            .public_key()
            .public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
            .decode(),
            "P-256",
        ),
    ],
    ids=["short", "nonsense", "private", "RSA"],
)
def test_a_key_that_cannot_be_one_is_refused(algorithm: str, pasted: str, told: str) -> None:
    with pytest.raises(InvalidInput, match=told):
        clean_identity_key(algorithm=algorithm, pasted=pasted)


class TestAdmin:
    @pytest.fixture
    def developer(self, app: App, client: Client) -> Client:
        client.force_login(make_user(app, role="developer"))
        return client

    def save(self, client: Client, app: App, mode: str, *keys: dict[str, str]) -> Any:
        fields: dict[str, Any] = {"app": app.pk, "mode": mode, "keys-TOTAL_FORMS": len(keys), "keys-INITIAL_FORMS": 0}
        for number, key in enumerate(keys):
            fields |= {f"keys-{number}-{name}": value for name, value in key.items()}
        return client.post(reverse("admin:api_identitycheck_add"), fields)

    def test_a_key_is_stored_and_never_shown_again(self, developer: Client, app: App) -> None:
        answer = self.save(developer, app, "monitor", {"name": "server", "algorithm": "HS256", "pasted": SECRET})
        assert answer.status_code == 302
        assert IdentityKey.objects.get().key == SECRET
        page = developer.get(reverse("admin:api_identitycheck_change", args=[IdentityCheck.objects.get().pk]))
        assert SECRET not in page.content.decode()
        assert SECRET not in str(list(AuditEntry.objects.values_list("details")))

    def test_it_is_not_enforced_without_a_key(self, developer: Client, app: App) -> None:
        assert "Add a key first" in self.save(developer, app, "enforce").content.decode()

    def test_a_wrong_key_is_told_beside_it(self, developer: Client, app: App) -> None:
        answer = self.save(developer, app, "enforce", {"name": "server", "algorithm": "ES256", "pasted": "x"})
        assert "no public key" in answer.content.decode()
