"""`bench campaign --baseline`: the vendors' libraries against the same sink, in the same run."""

from collections.abc import Callable
from datetime import date
from typing import Any

from apps.core.bench import timed
from apps.deliveries.bench_sink import OpenSink, open_sink
from apps.deliveries.delivery_ids import make_delivery_id
from apps.deliveries.rendering import compile_body
from apps.gateways import baseline
from apps.gateways.contract import Endpoints, PushMessage

MESSAGES = 20_000

Say = Callable[[str], None]


def compare(options: dict[str, Any], say: Say, *, rate: float, body: dict[str, str]) -> dict[str, dict[str, Any]]:
    """Each library's rate and CPU for 20,000 of the campaign's messages (or as many as it has devices), rendered
    beforehand, and how many times `rate` is that. They only send: nothing is planned, checked or recorded.

    Raises RuntimeError where one was not accepted.
    """
    count = min(MESSAGES, options["devices"])
    compared = {}
    with open_sink(options) as sink:
        for gateway, (library, send) in baseline.SENDERS.items():
            messages = _messages(gateway, count, body, sink)
            say(f"{count:,} messages through {library}")
            with timed() as watch:
                accepted = send(messages, _account(gateway, sink), _endpoints(sink))
            if accepted != count:
                raise RuntimeError(f"{library}: {accepted:,} of {count:,} accepted")
            compared[library] = {
                "gateway": gateway,
                "rate": round(count / watch.seconds, 1),
                "cpu_us_per_item": round(watch.cpu_seconds * 1e6 / count, 1),
                "ratio": round(rate * watch.seconds / count, 1),
            }
            say(f"{library}: {compared[library]['rate']:,.0f} a second, so 1 : {compared[library]['ratio']}")
    return compared


def _messages(gateway: str, count: int, body: dict[str, str], sink: OpenSink) -> list[PushMessage]:
    compiled, day = compile_body(body), date(2026, 1, 1)
    made = []
    for number in range(1, count + 1):
        subscription = sink.credentials.subscription_for(f"{number}.bench") if gateway == "webpush" else None
        made.append(
            PushMessage(
                notification_id=make_delivery_id(planned_on=day, dispatch_id=1, device_id=number),
                address=subscription.endpoint if subscription else f"{number:064x}",
                content=compiled.render({"first_name": f"Name{number}", "city": "Leeds"}),
                expires_at=4e9,
                environment="production",
                webpush_p256dh=subscription.p256dh if subscription else "",
                webpush_auth=subscription.auth if subscription else "",
            )
        )
    return made


def _account(gateway: str, sink: OpenSink) -> Any:
    account = sink.credentials.app("bench")
    return {"fcm": account.fcm, "apns": account.apns, "webpush": account.vapid}[gateway]


def _endpoints(sink: OpenSink) -> Endpoints:
    return Endpoints(
        fcm_base_url=sink.credentials.base_url_tls,
        apns_host="127.0.0.1",
        apns_port=sink.house.sandbox_ports[1],
        ca_file=str(sink.house.data_dir / "sandbox-ca.pem"),
    )
