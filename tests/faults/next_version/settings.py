"""The settings of a version to come, which brings a migration."""

from config.settings import *  # noqa: F403
from config.settings import INSTALLED_APPS as OURS

INSTALLED_APPS = [*OURS, "tests.faults.next_version"]
