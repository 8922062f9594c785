"""Foreign HTTP/2 servers, started for one test: nginx and nghttpd."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.gateways.certificates import Authority

_PATH = os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin"
NGINX, NGHTTPD = shutil.which("nginx", path=_PATH), shutil.which("nghttpd", path=_PATH)
_NGINX = """
worker_processes 1; daemon off; pid {folder}/pid; error_log {folder}/error.log warn;
events {{ worker_connections 512; }}
http {{
    client_body_temp_path {folder}/bodies; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    log_format paths escape=none '$request_uri'; access_log {folder}/access.log paths;
    keepalive_requests {requests};
    http2_max_concurrent_streams {streams};
    server {{
        listen 127.0.0.1:{port} ssl{http2};
        ssl_certificate {leaf}; ssl_certificate_key {leaf};
        location / {{ return 200 $request_uri; }}
        location /length {{ return 200 $http_content_length; }}
        location /header {{ return 200 $http_x_long; }}
        location /refused {{ add_header Retry-After 7 always; return 429 "slow down"; }}
        location /big {{ set $part "{thousand}"; return 200 "{sixty}"; }}
    }}
}}
"""


@contextmanager
def nginx(
    folder: Path, authority: Authority, *, requests: int = 100_000, streams: int = 100, http2: bool = True
) -> Iterator[str]:
    """Its URL. It answers with the path it was asked for, and notes each in `folder`/access.log."""
    assert NGINX
    port = _free_port()
    folder.chmod(0o755)
    configuration = folder / "nginx.conf"
    configuration.write_text(
        _NGINX.format(
            folder=folder,
            port=port,
            leaf=authority.leaf_file,
            thousand="x" * 1000,
            sixty="$part" * 60,
            requests=requests,
            streams=streams,
            http2=" http2" if http2 else "",
        )
    )
    with _running([NGINX, "-c", str(configuration)], port):
        yield f"https://127.0.0.1:{port}"


@contextmanager
def nghttpd(folder: Path, authority: Authority, *options: str) -> Iterator[str]:
    """Its URL. It echoes bodies."""
    assert NGHTTPD
    port = _free_port()
    command = [NGHTTPD, "-a", "127.0.0.1", f"-d{folder}", *options, str(port), authority.leaf_file, authority.leaf_file]
    with _running(command, port):
        yield f"https://127.0.0.1:{port}"


@contextmanager
def _running(command: list[str], port: int) -> Iterator[None]:
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        for _ in range(1000):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        yield
    finally:
        child.terminate()
        child.wait(60)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
