"""How long the database may work on one statement, by the program that asks; and when a silent other end is given up.

A person who waits is told soon; a worker may take its time. Given to each new session as its start option, so it costs
no round trip. Planning and segments have narrower limits of their own; `migrate` has one for locks.
"""

from config import env

# Waiting for locks counts. 0: as the database's role says.
STATEMENT_SECONDS = {
    "web": int(env.text("DATABASE_WEB_STATEMENT_SECONDS", "60")),
    "worker": int(env.text("DATABASE_WORKER_STATEMENT_SECONDS", "600")),
}

# Who is silent for ten seconds is asked three times, five seconds apart. By itself a kernel asks after two hours: so
# long a host that vanished amid a transaction would hold its locks, and a worker wait for a server that vanished.
_IDLE, _EVERY, _TIMES = 10, 5, 3
_GIVEN_UP_MILLISECONDS = (_IDLE + _EVERY * _TIMES) * 1000
# How the server watches our end, as the start options of a session; nothing on a Unix socket.
SERVER_WATCHES = (
    f"-c tcp_keepalives_idle={_IDLE} -c tcp_keepalives_interval={_EVERY} -c tcp_keepalives_count={_TIMES}"
    f" -c tcp_user_timeout={_GIVEN_UP_MILLISECONDS}"
)
# How we watch the server's, in libpq's words.
WE_WATCH = {
    "keepalives_idle": _IDLE,
    "keepalives_interval": _EVERY,
    "keepalives_count": _TIMES,
    "tcp_user_timeout": _GIVEN_UP_MILLISECONDS,
}


def limit_statements(program: str) -> None:
    """Sessions that this process opens from now on are those of a "web" server or a "worker"."""
    from django.conf import settings

    seconds = STATEMENT_SECONDS[program]
    if seconds:
        options = settings.DATABASES["default"]["OPTIONS"]
        options["options"] = f"{options.get('options', '')} -c statement_timeout={seconds}s".strip()
