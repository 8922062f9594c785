"""The way in: guessing is slowed down and tells nothing; a second factor is asked for, and required where a role is."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client, override_settings
from django.urls import reverse
from django.utils import timezone

from apps.accounts.models import AuditEntry, FailedLogIn, User
from apps.accounts.services.known_browsers import LIFE, cookie_of, known_browser, new_token
from apps.accounts.services.log_in_guard import FORGOTTEN_AFTER, LIMITS, TooManyTries, Try, give_back, take_try
from apps.accounts.services.second_factor import (
    STEP_SECONDS,
    WrongCode,
    _totp,
    begin_set_up,
    check_code,
    confirm_set_up,
    reset_second_factor,
)
from tests.factories import NOW, make_app, make_user

pytestmark = pytest.mark.django_db
RIGHT = "secret-for-tests"


def log_in(client: Client, name: str, password: str = RIGHT, **extra: Any) -> Any:
    return client.post("/admin/login/", {"username": name, "password": password}, **extra)


def try_at(name: str = "ada", address: str = "192.0.2.1", now: Any = NOW) -> None:
    take_try(Try("password", name, address), now=now)


def code_at(user: User, now: Any) -> str:
    user.refresh_from_db()
    return _totp(user.second_factor.secret).generate(int(now.timestamp())).decode()


@pytest.fixture
def protected() -> User:
    """Somebody whose second factor is on since NOW."""
    user = make_user(make_app(), role="marketer")
    begin_set_up(user=user, now=NOW)
    confirm_set_up(user=user, code=code_at(user, NOW), now=NOW)
    return user


class TestGuard:
    def test_the_sixth_try_of_a_name_waits_and_then_twice_as_long(self) -> None:
        for _ in range(LIMITS["pair"].free):
            try_at()
        with pytest.raises(TooManyTries) as first:
            try_at()
        later = NOW + timedelta(seconds=first.value.seconds)
        try_at(now=later)
        with pytest.raises(TooManyTries) as second:
            try_at(now=later)
        assert (first.value.seconds, second.value.seconds) == (30, 60)

    def test_another_address_is_not_locked_with_it(self) -> None:
        for _ in range(LIMITS["pair"].free):
            try_at()
        try_at(address="192.0.2.2")

    def test_an_address_that_tries_many_names_is_locked(self) -> None:
        for number in range(LIMITS["address"].free):
            try_at(f"name-{number}")
        with pytest.raises(TooManyTries):
            try_at("somebody-new")

    def test_a_network_of_ipv6_counts_as_one_address(self) -> None:
        for number in range(LIMITS["address"].free):
            try_at(f"name-{number}", f"2001:db8::{number:x}")
        with pytest.raises(TooManyTries):
            try_at("somebody-new", "2001:db8::ffff:1")

    def test_a_name_guessed_from_everywhere_is_locked(self) -> None:
        for number in range(LIMITS["name"].free):
            try_at(address=f"198.51.100.{number}")
        with pytest.raises(TooManyTries):
            try_at(address="203.0.113.1")

    def test_what_was_right_counts_for_nothing(self) -> None:
        for _ in range(40):
            try_at()
            give_back(Try("password", "ada", "192.0.2.1"))
        assert not FailedLogIn.objects.filter(failures__gt=0).exists()

    def test_failures_are_forgotten(self) -> None:
        for _ in range(LIMITS["pair"].free - 1):
            try_at()
        try_at(now=NOW + FORGOTTEN_AFTER + timedelta(seconds=1))
        assert set(FailedLogIn.objects.values_list("failures", flat=True)) == {1}

    def test_no_name_is_kept_in_the_clear(self) -> None:
        try_at("hunter2-typed-in-the-wrong-field")
        assert not FailedLogIn.objects.filter(subject__contains="hunter2").exists()


class TestPassword:
    def test_twenty_tries_end_in_429_and_a_forged_address_does_not_help(self, client: Client) -> None:
        make_user(username="ada")
        answers = [log_in(client, "ada", "x", headers={"X-Forwarded-For": f"192.0.2.{n}"}) for n in range(20)]
        assert answers[-1].status_code == 429
        assert int(answers[-1].headers["Retry-After"]) > 0
        assert log_in(client, "ada").status_code == 429  # nor does the right password

    def test_a_name_that_nobody_has_is_answered_in_the_same_words(self, client: Client) -> None:
        make_user(username="ada")
        known, unknown = ([log_in(client, name, "x") for _ in range(6)] for name in ("ada", "eve"))
        said = [[answer.status_code for answer in answers] for answers in (known, unknown)]
        assert said == [[200] * 5 + [429]] * 2
        assert known[0].context["form"].errors == unknown[0].context["form"].errors
        locked = [answers[5].content.decode().count("Too many tries") for answers in (known, unknown)]
        assert locked == [1, 1]

    def test_a_lock_is_told_to_the_persons_own_apps(self, client: Client) -> None:
        app = make_app()
        make_user(app, username="ada")
        for _ in range(8):
            log_in(client, "ada", "x")
        assert list(AuditEntry.objects.values_list("app", "action")) == [(app.pk, "user.locked")]

    def test_without_a_second_factor_the_password_opens(self, client: Client) -> None:
        make_user(username="ada")
        assert log_in(client, "ada").headers["Location"] == "/admin/"
        assert client.get("/admin/").status_code == 200

    def test_it_leads_on_to_where_one_wanted_to_go_and_nowhere_else(self, client: Client) -> None:
        make_user(username="ada")
        there = client.post("/admin/login/?next=/admin/second-factor/", {"username": "ada", "password": RIGHT})
        assert there.headers["Location"] == "/admin/second-factor/"
        away = Client().post("/admin/login/?next=https://evil.example/", {"username": "ada", "password": RIGHT})
        assert away.headers["Location"] == "/admin/"

    def test_the_session_of_an_owner_is_shorter(self, client: Client) -> None:
        make_user(make_app(), role="owner", username="ada")
        log_in(client, "ada")
        assert client.session.get_expiry_age() == 4 * 3600

    def test_short_passwords_are_refused(self, client: Client) -> None:
        client.force_login(make_user())
        fields = {"old_password": RIGHT, "new_password1": "Xy7-short", "new_password2": "Xy7-short"}
        page = client.post(reverse("admin:password_change"), fields).content.decode()
        assert "at least 12 characters" in page


class TestKnownBrowser:
    @pytest.fixture
    def ada(self) -> User:
        return make_user(make_app(), role="marketer", username="ada")

    @pytest.fixture
    def known(self, ada: User, client: Client) -> Client:
        """A browser in which ada once logged in, and has no session any more."""
        log_in(client, "ada")
        del client.cookies["sessionid"]
        return client

    def lock(self) -> None:
        """The name, and the address of this machine, for as long as the test takes."""
        until = timezone.now() + timedelta(days=1)
        for address in ("192.0.2.1", "127.0.0.1"):
            try_at(address=address, now=timezone.now())
        FailedLogIn.objects.update(locked_until=until)

    def test_strangers_who_lock_a_name_do_not_keep_its_owner_out(self, known: Client) -> None:
        self.lock()
        assert log_in(Client(), "ada").status_code == 429
        assert log_in(known, "ada").status_code == 302
        assert known.get("/admin/").status_code == 200
        assert log_in(Client(), "ada").status_code == 429  # nor does that open the name to them

    def test_the_cookie_alone_opens_nothing_and_has_few_tries(self, known: Client) -> None:
        assert known.get("/admin/").status_code == 302
        assert [log_in(known, "ada", "x").status_code for _ in range(6)] == [200] * 5 + [429]
        assert log_in(known, "ada").status_code == 429  # the thief's tries lock what was stolen, and nothing else
        assert log_in(Client(), "ada").status_code == 302

    def test_it_is_not_for_scripts_other_sites_or_other_pages(self, known: Client) -> None:
        cookie = known.cookies[cookie_of("ada")]
        assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "Lax", "/admin/")
        with override_settings(SESSION_COOKIE_SECURE=True):
            browser = Client()
            log_in(browser, "ada")
        assert browser.cookies[cookie_of("ada")]["secure"]

    def test_it_is_one_persons_for_a_time_and_as_it_was_signed(self, ada: User) -> None:
        token = new_token(user=ada, now=NOW)

        def is_known(name: str = "ada", cookie: str = token, after: timedelta = timedelta()) -> bool:
            return known_browser(name=name, cookies={cookie_of(name): cookie}, now=NOW + after) != ""

        make_user(username="eve")
        assert is_known(after=LIFE - timedelta(seconds=1))
        assert not is_known(after=LIFE)
        assert not is_known("eve")
        assert not is_known(cookie=f"{token[:-1]}{'A' if token[-1] != 'A' else 'B'}")
        assert not is_known(cookie="")

    def test_a_new_password_ends_it_but_where_it_was_typed(self, ada: User, known: Client) -> None:
        other = Client()
        log_in(other, "ada")
        fields = {"old_password": RIGHT, "new_password1": "another-Long-1", "new_password2": "another-Long-1"}
        assert other.post(reverse("admin:password_change"), fields).status_code == 302
        self.lock()
        assert log_in(known, "ada", "another-Long-1").status_code == 429
        assert log_in(other, "ada", "another-Long-1").status_code == 302

    def test_the_password_without_the_code_makes_none(self, client: Client, protected: User) -> None:
        address = log_in(client, protected.username).headers["Location"]
        assert cookie_of(protected.username) not in client.cookies
        client.post(address, {"code": code_at(protected, timezone.now())})
        assert cookie_of(protected.username) in client.cookies

    def test_codes_of_a_locked_name_are_taken_where_it_is_known(self, client: Client, protected: User) -> None:
        address = log_in(client, protected.username).headers["Location"]
        token = new_token(user=User.objects.get(pk=protected.pk), now=timezone.now())
        take_try(Try("code", str(protected.pk), "192.0.2.1"), now=timezone.now())
        FailedLogIn.objects.update(locked_until=timezone.now() + timedelta(days=1))
        assert client.post(address, {"code": code_at(protected, timezone.now())}).status_code == 429
        client.cookies[cookie_of(protected.username)] = token
        assert client.post(address, {"code": code_at(protected, timezone.now())}).status_code == 302


class TestCode:
    def test_a_code_of_the_neighbouring_half_minutes_works_once(self, protected: User) -> None:
        later = NOW + timedelta(seconds=5 * STEP_SECONDS)
        code = code_at(protected, later)
        with pytest.raises(WrongCode):
            check_code(user=protected, code=code, now=later + timedelta(seconds=3 * STEP_SECONDS))
        check_code(user=protected, code=f"{code[:3]} {code[3:]}", now=later + timedelta(seconds=STEP_SECONDS))
        with pytest.raises(WrongCode):
            check_code(user=protected, code=code, now=later)

    def test_a_recovery_code_works_once_and_is_audited(self) -> None:
        user = make_user(make_app())
        begin_set_up(user=user, now=NOW)
        codes = confirm_set_up(user=user, code=code_at(user, NOW), now=NOW)
        check_code(user=user, code=codes[3].upper(), now=NOW)
        with pytest.raises(WrongCode):
            check_code(user=user, code=codes[3], now=NOW)
        assert AuditEntry.objects.get(action="user.recovery_code_used").details == {"left": 9}

    def test_the_password_alone_opens_nothing(self, client: Client, protected: User) -> None:
        answer = log_in(client, protected.username)
        assert answer.headers["Location"].startswith("/admin/login/code/")
        assert client.get("/admin/").status_code == 302
        assert "six digits" in client.get(answer.headers["Location"]).content.decode()

    def test_the_code_opens(self, client: Client, protected: User) -> None:
        address = log_in(client, protected.username).headers["Location"]
        assert client.post(address, {"code": "000000"}).status_code == 200
        answer = client.post(address, {"code": code_at(protected, timezone.now())})
        assert answer.headers["Location"] == "/admin/"
        assert client.get("/admin/").status_code == 200

    def test_codes_cannot_be_guessed(self, client: Client, protected: User) -> None:
        address = log_in(client, protected.username).headers["Location"]
        statuses = [client.post(address, {"code": f"{n:06}"}).status_code for n in range(6)]
        assert statuses[-1] == 429

    def test_nobody_comes_to_the_code_without_the_password(self, client: Client, protected: User) -> None:
        assert client.get("/admin/login/code/").headers["Location"] == "/admin/login/"

    def test_a_password_changed_meanwhile_ends_the_waiting(self, client: Client, protected: User) -> None:
        address = log_in(client, protected.username).headers["Location"]
        protected.set_password("another-Long-1")
        protected.save()
        assert client.get(address).headers["Location"] == "/admin/login/"

    def test_a_reset_ends_the_sessions(self, client: Client, protected: User) -> None:
        client.force_login(protected)
        assert client.get("/admin/second-factor/").status_code == 200
        assert reset_second_factor(user=protected, actor="test", now=NOW)
        assert client.get("/admin/second-factor/").status_code == 302


class TestPage:
    @pytest.fixture
    def user(self, client: Client) -> User:
        user = make_user(make_app(), role="marketer")
        client.force_login(user)
        return user

    def test_it_is_turned_on_with_a_code_and_shows_the_recovery_codes_once(self, client: Client, user: User) -> None:
        page = client.get("/admin/second-factor/").content.decode()
        assert "<svg" in page
        assert user.second_factor.secret in page
        page = client.post("/admin/second-factor/", {"do": "confirm", "code": code_at(user, timezone.now())})
        assert page.content.decode().count("<li>") >= 10
        assert client.get("/admin/").status_code == 200
        page = client.get("/admin/second-factor/").content.decode()
        assert user.second_factor.secret not in page
        assert "Your log-in is protected" in page

    def test_a_secret_that_was_shown_and_left_is_not_the_one_of_later(self, user: User) -> None:
        shown = [begin_set_up(user=user, now=NOW + timedelta(minutes=minutes)).secret for minutes in (0, 59, 61)]
        assert shown[0] == shown[1] != shown[2]

    def test_a_wrong_code_turns_nothing_on(self, client: Client, user: User) -> None:
        client.get("/admin/second-factor/")
        answer = client.post("/admin/second-factor/", {"do": "confirm", "code": "123"})
        assert answer.status_code == 400
        user.refresh_from_db()
        assert user.second_factor_at is None

    def test_it_is_not_turned_off_without_a_code(self, client: Client, protected: User) -> None:
        client.force_login(protected)
        assert client.post("/admin/second-factor/", {"do": "off", "code": "000000"}).status_code == 400
        assert client.post("/admin/second-factor/", {"do": "off"}).status_code == 400
        protected.refresh_from_db()
        assert protected.second_factor_at is not None


class TestRequired:
    @pytest.fixture(autouse=True)
    def _as_in_production(self) -> Iterator[None]:
        with override_settings(SECOND_FACTOR_ROLES=["owner", "developer"]):
            yield

    @pytest.mark.parametrize("role", ["owner", "developer", "superuser"])
    def test_these_come_nowhere_without_it(self, client: Client, role: str) -> None:
        kind = {"is_superuser": True} if role == "superuser" else {"role": role}
        client.force_login(make_user(make_app(), **kind))
        for address in ("/admin/", "/admin/api/apikey/", "/admin/accounts/user/", "/admin/sending-stop/"):
            assert client.get(address).headers["Location"] == "/admin/second-factor/"
        assert "Your role may do much" in client.get("/admin/second-factor/").content.decode()

    def test_the_others_are_let_in(self, client: Client) -> None:
        client.force_login(make_user(make_app(), role="marketer"))
        assert client.get("/admin/").status_code == 200

    def test_who_has_it_is_let_in(self, client: Client, protected: User) -> None:
        protected.is_superuser = True
        protected.save()
        client.force_login(protected)
        assert client.get("/admin/").status_code == 200


class TestReset:
    def reset(self, client: Client, *people: User) -> Any:
        fields = {"action": "reset_two_steps", "_selected_action": [person.pk for person in people]}
        return client.post(reverse("admin:accounts_user_changelist"), fields)

    def test_an_owner_resets_a_colleagues(self, client: Client, protected: User) -> None:
        app = protected.memberships.get().app
        owner = make_user(app, role="owner")
        client.force_login(owner)
        self.reset(client, protected)
        protected.refresh_from_db()
        assert protected.second_factor_at is None
        entry = AuditEntry.objects.get(action="user.two_step_off")
        assert (entry.actor, entry.app) == (owner.username, app)

    def test_nobody_resets_their_own_nor_a_strangers(self, client: Client, protected: User) -> None:
        client.force_login(make_user(make_app(), role="owner"))
        self.reset(client, protected)
        User.objects.filter(pk=protected.pk).update(is_superuser=True)
        client.force_login(User.objects.get(pk=protected.pk))
        self.reset(client, protected)
        protected.refresh_from_db()
        assert protected.second_factor_at is not None


def test_what_happens_to_a_person_is_not_told_to_another_apps_owner(client: Client) -> None:
    app = make_app()
    person = make_user(app, role="analyst")
    client.force_login(make_user(app, role="owner"))
    fields = {"password1": "long-Enough-7", "password2": "long-Enough-7", "usable_password": "true"}
    client.post(f"/admin/accounts/user/{person.pk}/password/", fields)
    assert list(AuditEntry.objects.values_list("app", "subject")) == [(app.pk, f"user:{person.pk}")]
