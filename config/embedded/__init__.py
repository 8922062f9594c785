"""The two servers a laptop lacks: PostgreSQL and Valkey, from wheels, kept running while somebody uses them.

Stands alone: neither Django nor the environment is read here; the data directory comes in as an argument.

    home.py      where the servers' files, sockets and passwords live (decided once, remembered in embedded.json)
    account.py   the unprivileged user that the servers run as when root starts them
    binaries.py  where the programs are
    postgres.py, valkey.py   initialise, start, ask, stop one server
    keeper.py    the process that holds both and restarts what dies; it leaves when the last user has left
    sharing.py   `running(data_dir)`: join the servers, or start them
"""

from config.embedded.errors import Unusable
from config.embedded.home import Home, known
from config.embedded.sharing import Hold, hold, is_running, running

__all__ = ["Hold", "Home", "Unusable", "hold", "is_running", "known", "running"]
