"""Figures for Prometheus, asked of the database when they are scraped: the same from every web process.

What only a worker can see, workers add to deliveries.Meter once a second. Cost: eleven queries, 5 ms in the demo world.
"""

import time
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from itertools import accumulate

from django.db.models import Count, Min, Sum
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
    SummaryMetricFamily,
)
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from apps.accounts.models import App
from apps.campaigns.models import Automation, LaunchFault
from apps.deliveries.models import LANES, Batch, HourCount, Meter
from apps.deliveries.services.tally import SECONDS
from apps.deliveries.states import OUTCOME_WORDS, PLATFORM_WORDS
from apps.devices.models import Device
from apps.segments.models import SegmentRefresh
from config import heartbeat

# The ledger's counts are kept by platform. An iPhone reached through FCM therefore counts as apns here.
_GATEWAY_OF_PLATFORM = {"android": "fcm", "ios": "apns", "web": "webpush", "": ""}


class HouseCollector(Collector):
    """All series at one moment. app None = of every app."""

    def __init__(self, now: datetime, app: App | None = None) -> None:
        self.now, self.app = now, app

    def collect(self) -> Iterator[Metric]:
        yield self._deliveries()
        yield self._queue_age()
        yield self._tokens_retired()
        yield self._gateway_seconds()
        yield self._accept_to_gateway_seconds()
        yield self._maybe_duplicates()
        yield self._webhook_attempts()
        yield self._segment_refreshes()
        yield self._stopped_automations()
        yield self._failing_launches()
        yield self._heartbeats()

    def _deliveries(self) -> Metric:
        family = CounterMetricFamily(
            "heliograph_deliveries", "Deliveries by their final outcome.", labels=["app", "gateway", "outcome"]
        )
        counted = HourCount.objects.filter(measure__in=OUTCOME_WORDS)
        if self.app is not None:
            counted = counted.filter(app=self.app)
        rows = counted.order_by().values_list("app__slug", "platform", "measure").annotate(total=Sum("count"))
        for slug, platform, measure, total in rows:
            gateway = _GATEWAY_OF_PLATFORM.get(PLATFORM_WORDS.get(platform, ""), "")
            family.add_metric([slug, gateway, OUTCOME_WORDS[measure]], total)
        return family

    def _queue_age(self) -> Metric:
        family = GaugeMetricFamily(
            "heliograph_queue_age_seconds", "How long the oldest due batch has waited.", labels=["lane"]
        )
        due = Batch.objects.filter(state="waiting", release_at__lte=self.now)
        oldest = dict(due.order_by().values_list("lane").annotate(Min("release_at")))
        for lane, _label in LANES:
            since = oldest.get(lane)
            family.add_metric([lane], (self.now - since).total_seconds() if since else 0.0)
        return family

    def _tokens_retired(self) -> Metric:
        family = CounterMetricFamily(
            "heliograph_tokens_retired", "Devices that are dead now, by why.", labels=["gateway", "reason"]
        )
        dead = Device.objects.filter(state="dead")
        if self.app is not None:
            dead = dead.filter(app=self.app)
        for gateway, reason, total in dead.order_by().values_list("gateway", "retired_reason").annotate(Count("id")):
            family.add_metric([gateway, reason], total)
        return family

    def _gateway_seconds(self) -> Metric:
        """Of slices of up to 100 devices: from handing one over to its last answer. Of every app."""
        return _histogram("gateway_seconds", "gateway", "How long a slice took at its gateway.")

    def _accept_to_gateway_seconds(self) -> Metric:
        """Of devices at their first try: from being due to our knowing the gateway's answer. Of every app."""
        told = "From a push's acceptance, or its hour, to the gateway's answer at the first try."
        return _histogram("accept_to_gateway_seconds", "lane", told)

    def _maybe_duplicates(self) -> Metric:
        family = CounterMetricFamily(
            "heliograph_maybe_duplicate", "Sent again although the first may have arrived; same ids, so shown once."
        )
        found = Meter.objects.filter(name="maybe_duplicate").values_list("value", flat=True).first()
        family.add_metric([], found or 0.0)
        return family

    def _webhook_attempts(self) -> Metric:
        """Of every app."""
        family = CounterMetricFamily(
            "heliograph_webhook_attempts",
            "Requests made to webhook endpoints, by what came of them.",
            labels=["result"],
        )
        for result, total in Meter.objects.filter(name="webhook_attempts").values_list("label", "value"):
            family.add_metric([result], total)
        return family

    def _segment_refreshes(self) -> Metric:
        family = SummaryMetricFamily("heliograph_segment_refresh_seconds", "Time to compute a segment's members.")
        refreshes = SegmentRefresh.objects.all()
        if self.app is not None:
            refreshes = refreshes.filter(segment__app=self.app)
        found = refreshes.aggregate(count=Count("id"), total=Sum("seconds"))
        family.add_metric([], count_value=found["count"], sum_value=found["total"] or 0.0)
        return family

    def _stopped_automations(self) -> Metric:
        family = GaugeMetricFamily(
            "heliograph_automations_stopped", "Automations that an error stopped and nobody resumed.", labels=["app"]
        )
        stopped = Automation.objects.filter(state="paused").exclude(stopped_at=None)
        if self.app is not None:
            stopped = stopped.filter(app=self.app)
        for slug, total in stopped.order_by().values_list("app__slug").annotate(Count("id")):
            family.add_metric([slug], total)
        return family

    def _failing_launches(self) -> Metric:
        family = GaugeMetricFamily(
            "heliograph_launches_failing", "Campaigns whose launch fails and is tried again.", labels=["app"]
        )
        failing = LaunchFault.objects.filter(campaign__state="scheduled", campaign__paused_at=None)
        if self.app is not None:
            failing = failing.filter(campaign__app=self.app)
        for slug, total in failing.order_by().values_list("campaign__app__slug").annotate(Count("id")):
            family.add_metric([slug], total)
        return family

    def _heartbeats(self) -> Metric:
        """The freshest lane speaks for beat."""
        family = GaugeMetricFamily("heliograph_beat_heartbeat_age_seconds", "Since beat was last heard of.")
        known = [age for age in heartbeat.ages(time.time()).values() if age is not None]
        family.add_metric([], min(known, default=float("inf")))
        return family


def exposition(now: datetime, app: App | None = None) -> bytes:
    """The text that Prometheus reads."""
    registry = CollectorRegistry()
    registry.register(HouseCollector(now, app))
    return generate_latest(registry)


def _histogram(name: str, label: str, told: str) -> Metric:
    """What workers metered under `name`, a series a label."""
    family = HistogramMetricFamily(f"heliograph_{name}", told, labels=[label])
    counted = defaultdict[str, dict[float, float]](dict)
    for value, bucket, count in Meter.objects.filter(name=name).values_list("label", "bucket", "value"):
        counted[value][bucket] = count
    sums = dict(Meter.objects.filter(name=f"{name}_sum").values_list("label", "value"))
    for value, by_bucket in sorted(counted.items()):
        totals = accumulate(by_bucket.get(bound, 0.0) for bound in SECONDS)
        buckets = [(floatToGoString(bound), total) for bound, total in zip(SECONDS, totals, strict=True)]
        family.add_metric([value], buckets, sums.get(value, 0.0))
    return family
