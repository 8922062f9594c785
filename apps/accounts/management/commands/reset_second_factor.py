"""manage.py reset_second_factor USERNAME: for the last owner who lost phone and recovery codes."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from apps.accounts.models import User
from apps.accounts.services.second_factor import reset_second_factor


class Command(BaseCommand):
    """Takes the second step off; who needs one sets it up again at the next log-in."""

    help = "Take a person's two-step log-in off, for who lost their phone and recovery codes."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username")

    def handle(self, *args: Any, **options: Any) -> None:
        person = User.objects.filter(username=options["username"]).first()
        if person is None:
            raise CommandError(f"there is no user {options['username']}")
        if not reset_second_factor(user=person, actor="manage.py", now=timezone.now()):
            raise CommandError(f"{person} has no two-step log-in")
        self.stdout.write(f"{person} logs in with the password alone now; their sessions ended.")
