"""`create_api_key --app SLUG --scopes a,b`: the plain key is the last line, and is never shown again."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from apps.accounts.models import App
from apps.accounts.services.audit import write_audit
from apps.api.scopes import PUBLISHABLE, SCOPES
from apps.api.services.keys import create_api_key
from apps.core.problems import InvalidInput


class Command(BaseCommand):
    """Makes one key."""

    help = "Make an API key and print it once, on the last line."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--app", required=True, metavar="SLUG")
        parser.add_argument("--scopes", default="", help=f"comma-separated, or `all`: {', '.join(SCOPES)}")
        parser.add_argument("--name", default="made on the command line")
        kind = parser.add_mutually_exclusive_group()
        kind.add_argument("--test", action="store_true", help="its pushes never reach a phone")
        kind.add_argument("--publishable", action="store_true", help="for the code of an app or a page")

    def handle(self, *args: Any, **options: Any) -> None:
        app = App.objects.filter(slug=options["app"]).first()
        if app is None:
            known = ", ".join(App.objects.values_list("slug", flat=True)) or "none yet"
            raise CommandError(f"there is no app {options['app']!r}; known: {known}")
        kind = "test" if options["test"] else "pub" if options["publishable"] else "live"
        now = timezone.now()
        try:
            key, secret = create_api_key(
                app=app, kind=kind, scopes=_scopes(options["scopes"], kind), name=options["name"], now=now
            )
        except InvalidInput as error:
            raise CommandError("; ".join(problem.message for problem in error.problems)) from None
        write_audit(
            app=app,
            actor="command line",
            action="apikey.added",
            subject=f"apikey:{key.pk}",
            details={"scopes": key.scopes},
            now=now,
        )
        self.stderr.write(f"a {kind} key of {app.slug} with {', '.join(key.scopes)}; it will not be shown again:")
        self.stdout.write(secret)


def _scopes(text: str, kind: str) -> list[str]:
    if text == "all":
        return list(PUBLISHABLE if kind == "pub" else SCOPES)
    return [word.strip() for word in text.split(",") if word.strip()]
