"""How long the database may work on one statement, by the program that asks.

A person who waits is told soon; a worker may take its time. Given to each new session as its start option, so it costs
no round trip. Planning and segments have narrower limits of their own; `migrate` has one for locks.
"""

from config import env

# Waiting for locks counts. 0: as the database's role says.
STATEMENT_SECONDS = {
    "web": int(env.text("DATABASE_WEB_STATEMENT_SECONDS", "60")),
    "worker": int(env.text("DATABASE_WORKER_STATEMENT_SECONDS", "600")),
}


def limit_statements(program: str) -> None:
    """Sessions that this process opens from now on are those of a "web" server or a "worker"."""
    from django.conf import settings

    seconds = STATEMENT_SECONDS[program]
    if seconds:
        options = settings.DATABASES["default"]["OPTIONS"]
        options["options"] = f"{options.get('options', '')} -c statement_timeout={seconds}s".strip()
