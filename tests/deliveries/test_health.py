"""Health: an app's own server that is not well slows its campaigns down, step by step, and up again."""

from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import ClassVar

import pytest
from django.core.exceptions import ValidationError

from apps.accounts.models import App
from apps.deliveries.models import Dispatch
from apps.deliveries.services.claim import claim_batches
from apps.deliveries.services.health import ask_health
from tests.factories import NOW, make_app, make_channel, make_dispatch, make_people

pytestmark = pytest.mark.django_db


class Shop(BaseHTTPRequestHandler):
    """The app's own server."""

    status: ClassVar[int] = 200
    asked: ClassVar[int] = 0

    def do_GET(self) -> None:
        type(self).asked += 1
        self.send_response(self.status)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Silent."""


@pytest.fixture
def app() -> Iterator[App]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Shop)
    Thread(target=server.serve_forever, daemon=True).start()
    Shop.status, Shop.asked = 200, 0
    app = make_app(health_url=f"http://127.0.0.1:{server.server_port}/health")
    make_channel(app)
    make_people(app, 5)
    yield app
    server.shutdown()
    server.server_close()


def pace_after(dispatch: Dispatch, *answers: int) -> list[float | None]:
    """The pace after each answer, three seconds apart."""
    paces = []
    for number, status in enumerate(answers):
        Shop.status = status
        ask_health(clock=lambda: NOW + timedelta(seconds=3 * number), allows_loopback=True)  # noqa: B023
        dispatch.refresh_from_db()
        paces.append(dispatch.slowed_to_per_second)
    return paces


def test_a_server_that_is_well_changes_nothing(app: App) -> None:
    assert pace_after(make_dispatch(app), 200, 204) == [None, None]
    assert Shop.asked == 2


def test_errors_halve_the_pace_and_good_answers_lift_it(app: App) -> None:
    dispatch = make_dispatch(app, throttle_per_second=80)
    assert pace_after(dispatch, 500, 503, 200, 200, 200, 200, 200) == [
        40,
        20,
        25,
        31.25,
        39.0625,
        48.828125,
        61.03515625,
    ]


def test_the_pace_never_goes_below_one_a_second(app: App) -> None:
    assert pace_after(make_dispatch(app, throttle_per_second=8), *[500] * 6)[-1] == 1.0


def test_it_is_lifted_altogether_in_the_end(app: App) -> None:
    assert pace_after(make_dispatch(app, throttle_per_second=8), 500, 200, 200, 200, 200)[-1] is None


def test_workers_claim_at_the_slowed_pace(app: App) -> None:
    dispatch = make_dispatch(app, throttle_per_second=80)
    pace_after(dispatch, 500)
    (held,) = claim_batches(lane="bulk", most=1, most_each=1, busy={}, lease=timedelta(seconds=45), now=NOW)
    assert held.throttle_per_second == 40


def test_nobody_is_asked_when_nothing_is_on_its_way(app: App) -> None:
    make_dispatch(app, kind="test")
    assert ask_health(clock=lambda: NOW, allows_loopback=True) == 0


def test_an_address_of_ours_is_not_called(app: App) -> None:
    dispatch = make_dispatch(app, throttle_per_second=80)
    ask_health(clock=lambda: NOW, allows_loopback=False)
    dispatch.refresh_from_db()
    assert (Shop.asked, "refused" in dispatch.slowed_reason) == (0, True)


def test_a_bad_address_is_refused_where_it_is_typed() -> None:
    app = make_app(health_url="https://user:secret@example.com/")
    with pytest.raises(ValidationError, match="user and password"):
        app.full_clean()
