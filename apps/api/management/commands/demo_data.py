"""`demo_data`: the deterministic demo world, so that everything can be tried without an account anywhere."""

from argparse import ArgumentParser
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from django.apps import apps as django_apps
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import connection, transaction
from django.utils import timezone
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from apps.accounts import demo as team
from apps.accounts.models import App
from apps.api import demo as logins
from apps.campaigns import demo as campaigns
from apps.customers import demo as people
from apps.customers.models import ContactKey, Customer, SealingStart
from apps.customers.services.consent_days import count_consent_days
from apps.customers.services.partitions import ensure_partitions
from apps.customers.services.vocabulary import learn_vocabulary
from apps.devices import demo as devices
from apps.devices.services.device_days import count_device_days
from apps.sandbox.credentials import SandboxCredentials, load_or_create
from apps.segments import demo as segments
from apps.sms_booster import demo as booster
from config import env


class Command(BaseCommand):
    help = "Load the demo world: the same seed and day make the same world. Does nothing where it stands already."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--customers", type=int, default=50_000)
        parser.add_argument("--events", type=int, default=500_000)
        parser.add_argument("--seed", type=int, default=7)
        parser.add_argument("--reset", action="store_true", help="empty every table first")
        parser.add_argument("--sandbox-port", type=int, help="default: where it was last, else 9400")

    def handle(self, *args: Any, **options: Any) -> None:
        if settings.IS_PRODUCTION:
            raise CommandError("demo_data refuses to run with HELIOGRAPH_ENV=production")
        if min(options["customers"], options["events"]) < 1:
            raise CommandError("--customers and --events must be at least 1")
        now = timezone.now()
        if options["reset"]:
            _empty_every_table()
        known = logins.known_logins(settings.DATA_DIR)
        port = options["sandbox_port"] or urlsplit(known.get("sandbox_url", "")).port or 9400
        sandbox = load_or_create(settings.DATA_DIR, port)
        with transaction.atomic():
            shop = self._house(sandbox, known, now)
            if Customer.objects.filter(app=shop).exists():
                self.stdout.write("The demo world stands already (manage.py demo_data --reset makes it anew).")
                return
            self._world(shop, sandbox, options, now)
        _analyse()

    def _house(self, sandbox: SandboxCredentials, known: Mapping[str, Any], now: datetime) -> App:
        """Apps, team, keys and channels: refreshed at every run, so that a moved port or a lost file mends itself."""
        shop, news = team.make_apps()
        users = team.make_team(apps=(shop, news), known=known.get("users", {}))
        keys = logins.make_keys(app=shop, known=known.get("api_keys", {}), now=now)
        for app in (shop, news):
            account = sandbox.app(app.slug)
            credentials = {
                "fcm": {"service_account": dict(account.fcm.service_account)},
                "apns": asdict(account.apns),
                "webpush": asdict(account.vapid),
                "sms": asdict(account.sms),
            }
            devices.connect_channels(app=app, credentials=credentials, now=now)
        devices.move_browsers(app=shop, base_url=sandbox.base_url_tls)
        # By hand, without PUBLIC_URL, the house stays where `up` put it.
        url = env.text("PUBLIC_URL") or known.get("url") or settings.PUBLIC_URL
        written = logins.Logins(url, sandbox.base_url, users, keys, shop.slug)
        logins.write_logins(data_dir=settings.DATA_DIR, logins=written)
        return shop

    def _world(self, shop: App, sandbox: SandboxCredentials, options: dict[str, Any], now: datetime) -> None:
        seed, customers, events = options["seed"], options["customers"], options["events"]
        with _progress() as bar:
            task = bar.add_task("customers", total=customers)
            ensure_partitions(now=now, weeks_back=people.DAYS_OF_EVENTS // 7 + 1)
            people.load_customers(app=shop, count=customers, seed=seed, now=now, advance=_advancer(bar, task))
            people.load_topics(app=shop, now=now)
            people.load_consents(app=shop, now=now)
            bar.update(task, completed=customers)

            task = bar.add_task("devices", total=int(customers * 1.3))
            count = devices.load_devices(
                app=shop,
                seed=seed,
                now=now,
                browser=lambda number: _browser(sandbox, number),
                dead_apns_token=_dead_apns_token,
                advance=_advancer(bar, task),
            )
            bar.update(task, total=count, completed=count)

            task = bar.add_task("events", total=events)
            people.load_events(app=shop, count=events, seed=seed, now=now, advance=_advancer(bar, task))
            learn_vocabulary(app=shop)
            _analyse()
            count_consent_days(now=now, days_back=14)
            count_device_days(now=now, days_back=14)
            bar.update(task, completed=events)

            task = bar.add_task("segments", total=len(segments.SEGMENTS) + 1)
            segments.load_segments(app=shop, now=now, advance=_advancer(bar, task))

            task = bar.add_task("campaigns", total=len(campaigns.HISTORY) + 1)
            draft = campaigns.load_campaigns(app=shop, now=now, advance=_advancer(bar, task))
            booster.add_booster(campaign=draft)
            campaigns.load_automation(app=shop, now=now)


def _progress() -> Progress:
    columns = (TextColumn("{task.description:>10}"), BarColumn(), TextColumn("{task.completed:,}"), TimeElapsedColumn())
    return Progress(*columns, console=Console(stderr=True))


def _advancer(bar: Progress, task: Any) -> Callable[[int], None]:
    return lambda count: bar.advance(task, count)


def _browser(sandbox: SandboxCredentials, number: int) -> devices.VirtualAddress:
    made = sandbox.subscription_for(f"browser{number}")
    return devices.VirtualAddress(made.endpoint, made.p256dh, made.auth)


def _dead_apns_token(number: int) -> str:
    """A token that the sandbox answers with 410 (see its README)."""
    return f"dead0000{number:056x}"


def _empty_every_table() -> None:
    """Truncate all tables of our apps, and what refers to them. Ids begin at 1 again.

    But contact keys stay, and that there are any: other processes remember which app has which.
    """
    names = [
        model._meta.db_table
        for config in django_apps.get_app_configs()
        if config.name.startswith("apps.")
        for model in config.get_models(include_auto_created=True)
        if model not in (ContactKey, SealingStart)
    ]
    quoted = ", ".join(connection.ops.quote_name(name) for name in names)
    with connection.cursor() as cursor:
        cursor.execute("set heliograph.empties = 'yes'")  # the audit log refuses it otherwise
        cursor.execute(f"truncate {quoted} restart identity cascade")
        cursor.execute("reset heliograph.empties")


def _analyse() -> None:
    """Rows that came by COPY are unknown to the query planner until it counts them."""
    with connection.cursor() as cursor:
        cursor.execute("analyze")
