"""Launch a campaign from the shell: `send_campaign ID --now`."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from apps.campaigns.models import Campaign
from apps.campaigns.queries import launched_waterfall
from apps.campaigns.services.lifecycle import launch_now
from apps.campaigns.waterfall import waterfall_lines
from apps.core.problems import Conflict, InvalidInput
from apps.core.states import InvalidTransition


class Command(BaseCommand):
    help = "Launch a campaign, a draft too; returns once it is launched and prints who was left out."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("id", type=int, help="the campaign's id, as in the API and the admin's address")
        parser.add_argument("--now", action="store_true", required=True, help="yes, send it to the people")

    def handle(self, *args: Any, **options: Any) -> None:
        campaign = Campaign.objects.filter(pk=options["id"]).first()
        if campaign is None:
            raise CommandError(f"there is no campaign {options['id']}")
        try:
            launched = launch_now(campaign=campaign, version=campaign.version, actor="shell", now=timezone.now())
        except InvalidInput as refused:
            lines = [f"  {problem.pointer or '/'} {problem.code}: {problem.message}" for problem in refused.problems]
            raise CommandError("\n".join([f"“{campaign.name}” cannot be launched:", *lines])) from None
        except (Conflict, InvalidTransition) as refused:
            raise CommandError(f"“{campaign.name}” cannot be launched: {refused}") from None
        self.stdout.write(f"“{launched.name}” is launched as dispatch {launched.dispatch_id}")
        self.stdout.write("\n".join(waterfall_lines(launched_waterfall(launched))))
