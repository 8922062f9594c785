"""kill -9 between the call and its record: the SMS is unknown and never sent a second time."""

import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from subprocess import Popen

import pytest

from apps.sms_booster.models import SmsMessage
from apps.sms_booster.services.callbacks import take_callback
from apps.sms_booster.services.choose import choose_due
from apps.sms_booster.services.send import Way, send_due
from tests.factories import make_app
from tests.factories.boosters import make_boost, make_unopened
from tests.fixtures_sandbox import RunningSandbox
from tests.sms_booster.test_callbacks import sign
from tests.sms_booster.test_choose import LATER
from tests.sms_booster.test_send import arrived, open_account

pytestmark = pytest.mark.django_db(transaction=True)
SENDER = """
import datetime, json, sys
from apps.gateways.contract import Endpoints
from apps.sms_booster.services.send import Way, send_due
send_due(way=Way(Endpoints(sms_base_url={base!r}, ca_file={ca!r}), "http://127.0.0.1:1"), now={now!r})
"""


@pytest.fixture
def way(sandbox: RunningSandbox) -> Way:
    app = make_app()
    found = open_account(app, sandbox)
    make_unopened(app)
    make_boost(app)
    choose_due(LATER)
    return found


@pytest.fixture
def sender(way: Way, sandbox: RunningSandbox, process_environment: dict[str, str]) -> Iterator[Popen[bytes]]:
    """A process that has handed over the SMS and waits for the answer of a slow provider."""
    sandbox.script("sms", "never")
    code = SENDER.format(base=way.endpoints.sms_base_url, ca=way.endpoints.ca_file, now=LATER)
    with Popen([sys.executable, "manage.py", "shell", "-c", code], env=process_environment) as process:
        deadline = time.monotonic() + 120
        while not SmsMessage.objects.filter(state="sending").exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        time.sleep(0.5)
        yield process
        process.kill()


def test_a_killed_sender_leaves_unknown_and_no_second_sms(
    sender: Popen[bytes], way: Way, sandbox: RunningSandbox
) -> None:
    sender.kill()
    sender.wait()
    sandbox.call("DELETE", "/_script")
    assert SmsMessage.objects.get().state == "sending"
    for minutes in (1, 3, 10):
        assert send_due(way=way, now=LATER + timedelta(minutes=minutes)) == 0
    message = SmsMessage.objects.get()
    assert (message.state, message.code) == ("unknown", "crashed")
    assert len(arrived(sandbox)) <= 1


def test_a_late_report_still_tells_what_became_of_it(sender: Popen[bytes], way: Way, sandbox: RunningSandbox) -> None:
    sender.kill()
    sender.wait()
    send_due(way=way, now=LATER + timedelta(minutes=3))
    message = SmsMessage.objects.get()
    account = sandbox.credentials.app("shop").sms
    url = f"http://127.0.0.1:1/v2.1/callbacks/sms/twilio?sms={message.pk}"
    form = {"AccountSid": account.account_sid, "MessageSid": "SM1", "MessageStatus": "delivered"}
    signature = sign(form, token=account.auth_token, url=url)
    assert take_callback(provider="twilio", form=form, url=url, signature=signature, now=LATER) == "delivered"
