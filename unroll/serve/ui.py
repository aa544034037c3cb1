"""MLflow's pages, served on this machine alone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
import webbrowser
from contextlib import suppress

from unroll.errors import ResourceError
from unroll.processes import free
from unroll.registry.tracking import artifact_folder, reaching, root, store, where
from unroll.telling import secretless


def serve(port: int) -> None:
    """Serve MLflow's pages on this machine until interrupted; open the charts of the runs, and print where they are.

    Raises:
        ResourceError: the port is taken, or the server does not start.
    """
    if store().startswith("http"):
        _show(_links(secretless(store()).rstrip("/")))
        return
    free(port)
    with reaching() as client:
        client.search_experiments(max_results=1)  # lays the store out before the server looks for it
    settings = {
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_ENABLE_AI_GATEWAY": "false",
        "MLFLOW_ENABLE_ASSISTANT_SANDBOX": "true",  # what one chats with there runs no commands here
        "MLFLOW_BACKEND_STORE_URI": store(),
        "MLFLOW_ARTIFACTS_DESTINATION": (artifact_folder() or root() / "mlartifacts").as_uri(),
    }
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ended by either, it takes the server along
    with tempfile.TemporaryFile() as said:
        server = subprocess.Popen(command, env=os.environ | settings, stdout=said, stderr=said, start_new_session=True)
        try:
            _await(server, port)
            _show(_links(f"http://127.0.0.1:{port}"))
            print("Ctrl-C ends it.", flush=True)
            server.wait()
        except KeyboardInterrupt:
            print()
        finally:
            with suppress(ProcessLookupError):
                os.killpg(server.pid, signal.SIGTERM)
            server.wait()


def _await(server: subprocess.Popen[bytes], port: int) -> None:
    for _ in range(600):
        with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=1):
            return
        if server.poll() is not None:
            break
        time.sleep(0.1)
    raise ResourceError(f"MLflow did not start on port {port}; to see why: mlflow server --backend-store-uri {where()}")


def _links(address: str) -> dict[str, str]:
    """Return {name: link}: the charts of each pipeline's runs, then the registry."""
    with reaching() as client:
        found = [e for e in client.search_experiments(order_by=["creation_time ASC"]) if e.name != "Default"]
    charts = "runs?workflowType=machine_learning&compareRunsMode=CHART"
    links = {experiment.name: f"{address}/#/experiments/{experiment.experiment_id}/{charts}" for experiment in found}
    return links | {"registry": f"{address}/#/models"}


def _show(links: dict[str, str]) -> None:
    for name, link in links.items():
        print(f"{name:12} {link}")
    # Without a desktop, webbrowser would start a browser in the terminal.
    if sys.platform in ("darwin", "win32") or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        webbrowser.open(next(iter(links.values())))
