"""A sink for load: nginx that answers as FCM, APNs and Web Push do, and writes down which notifications came when.

The sandbox looks at every message, which costs more than sending it. This only counts, at a few µs a request, so that
a benchmark measures the sender. It stands on the sandbox's three ports with the sandbox's certificate.
Needs nginx with its echo module (Debian: nginx-light, libnginx-mod-http-echo), which reads bodies and can wait.
"""

import shutil
import subprocess
from pathlib import Path

from apps.sandbox.credentials import HOST, SandboxCredentials

_MODULES = [
    Path(folder) / "ngx_http_echo_module.so" for folder in ("/usr/lib/nginx/modules", "/usr/lib64/nginx/modules")
]
# APNs allows 1,000 streams a connection, the others 100 (gateways.md, measured on the vendors).
_CONFIGURATION = """
load_module {module};
worker_processes 1;
daemon off;
pid {folder}/pid;
error_log {folder}/error.log warn;
events {{ worker_connections 4096; }}
http {{
    client_body_temp_path {folder}/bodies; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    map $request_body $in_body {{ default ""; '~"nid": ?"(?<found>[^"]+)"' $found; }}
    map $http_apns_collapse_id $in_header {{ default $http_apns_collapse_id; "" $http_topic; }}
    map $in_header $notification {{ default $in_header; "" $in_body; }}
    log_format notifications escape=none '$notification $msec';
    access_log off;
    server_tokens off;
    default_type application/json;
    keepalive_requests 1000000000;
    keepalive_timeout 1h;
    client_body_in_single_buffer on;
    client_body_buffer_size 16k;
    ssl_certificate {certificate};
    ssl_certificate_key {key};
    server {{
        listen {host}:{plain};
        listen {host}:{apns} ssl http2;
        listen {host}:{tls} ssl http2;
        http2_max_concurrent_streams {streams};
        location /oauth/token {{
            return 200 '{{"access_token": "sink", "expires_in": 3599, "token_type": "Bearer"}}';
        }}
        location / {{
            access_log {folder}/notifications.log notifications buffer=64k flush=1s;
            add_header apns-id $http_apns_id;
            echo_read_request_body;
            {wait}
            echo '{{"name": "projects/sink/messages/1"}}';
        }}
    }}
}}
"""


class Sink:
    """nginx as it is to be started: `command`, and what it counted once it has been stopped."""

    def __init__(self, folder: Path, credentials: SandboxCredentials, *, delay_ms: int, streams: int) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        folder.chmod(0o755)
        self._log = folder / "notifications.log"
        configuration = folder / "nginx.conf"
        configuration.write_text(
            _CONFIGURATION.format(
                module=_module(),
                folder=folder.absolute(),
                certificate=(credentials.folder / "server.pem").absolute(),
                key=(credentials.folder / "server.key").absolute(),
                host=HOST,
                plain=credentials.port,
                apns=credentials.port + 1,
                tls=credentials.port + 2,
                streams=streams,
                wait=f"echo_sleep {delay_ms / 1000};" if delay_ms else "",
            )
        )
        self.command = [_nginx(), "-c", str(configuration.absolute())]

    def distinct(self) -> int:
        """How many notifications came, each counted once. Sorted outside, so that no memory of ours is measured."""
        script = 'cut -d " " -f 1 "$0" | LC_ALL=C sort -u -S 100M | wc -l'
        counted = subprocess.run(["/bin/sh", "-c", script, str(self._log)], capture_output=True, check=True)  # noqa: S603
        return int(counted.stdout)

    def arrivals(self) -> dict[str, float]:
        """When each notification was first answered, as unix seconds. Up to a second behind."""
        arrived: dict[str, float] = {}
        whole_lines = self._log.read_text().rpartition("\n")[0]
        for line in whole_lines.splitlines():
            notification, _, seconds = line.partition(" ")
            arrived.setdefault(notification, float(seconds))
        return arrived


def is_available() -> bool:
    """Whether this machine has nginx and the module."""
    return bool(_nginx()) and bool(_module())


def _nginx() -> str:
    return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin") or ""


def _module() -> str:
    return next((str(path) for path in _MODULES if path.exists()), "")
