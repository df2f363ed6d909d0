"""The kernel that pages are executed in: this interpreter, whatever other kernels, profiles of
IPython and settings of matplotlib a reader has.
"""

import asyncio
import json
import os
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

NAME = "spatialbias-page"
ARGUMENTS = [
    "--IPKernelApp.log_level=CRITICAL",  # or every kernel warns that localhost is not encrypted
    "--InteractiveShellApp.exec_PYTHONSTARTUP=False",
    "--HistoryManager.enabled=False",
]


@contextmanager
def own_kernel(jupyter_path: str | None) -> Iterator[dict[str, str]]:
    """Yield what the environment must say for a kernel named NAME to be found, before what is on
    `jupyter_path`.
    """
    with tempfile.TemporaryDirectory(prefix="spatialbias-") as name:
        folder = Path(name)
        (folder / "matplotlibrc").touch()
        (folder / "ipython").mkdir()
        spec = {
            "argv": [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"],
            "display_name": "Python 3",
            "language": "python",
            "env": {
                "IPYTHONDIR": str(folder / "ipython"),
                "MATPLOTLIBRC": str(folder / "matplotlibrc"),
                "MPLBACKEND": "module://matplotlib_inline.backend_inline",
                "SOURCE_DATE_EPOCH": "0",  # equal runs give equal files
            },
        }
        kernel = folder / "kernels" / NAME / "kernel.json"
        kernel.parent.mkdir(parents=True)
        kernel.write_text(json.dumps(spec), encoding="utf-8")
        yield {"JUPYTER_PATH": os.pathsep.join(filter(None, (str(folder), jupyter_path)))}


def stop_at_ctrl_c() -> None:
    """Where Jupyter Book itself executes the pages, Ctrl-C ends the build. nbclient makes of it a
    page that failed, and the next one would be begun.
    """
    from nbclient import NotebookClient

    start = NotebookClient.async_start_new_kernel_client
    if start.__module__ == __name__:
        return

    async def started(client):
        kernel = await start(client)
        with suppress(NotImplementedError, RuntimeError):  # Windows; not in the main thread
            asyncio.get_running_loop().add_signal_handler(signal.SIGINT, _stop, client.km)
        return kernel

    NotebookClient.async_start_new_kernel_client = started


def _stop(manager) -> None:
    print("\nstopped; the same command goes on with the pages that are left", file=sys.stderr)
    manager.provisioner.process.kill()  # what trains for it ends with it
    sys.stdout.flush()
    os._exit(130)
