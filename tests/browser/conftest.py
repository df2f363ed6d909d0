import contextlib
import functools
import http.server
import threading

import pytest

from spatialbias.book.pdf import program, started
from tests.book import smoke


@pytest.fixture(scope="session")
def site():
    return smoke.site()


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@contextlib.contextmanager
def serving(folder):
    """A folder's address on this machine's own web server."""
    handler = functools.partial(Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="session")
def addresses(site):
    """The site's address on disk, and on a web server."""
    with serving(site) as address:
        yield {"file": site.as_uri(), "http": address}


@pytest.fixture(scope="session")
def browser():
    """The system's Chromium, without its own talk to the network."""
    pytest.importorskip("playwright.sync_api")
    if (chromium := program()) is None:
        pytest.skip("no Chromium on this machine (Debian: apt-get install chromium)")
    with started(chromium) as browser:
        yield browser
