"""Commands that serve a model, pack it for a server elsewhere, and show what there is in a browser."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from unroll import processes
from unroll.cli.models import folder_of, load
from unroll.cli.options import PublicKey, Threads
from unroll.cli.program import app
from unroll.extras import needing
from unroll.folders import is_folder


@app.command()
def serve(
    model: Annotated[
        str, typer.Argument(help="A registered version, or a checkpoint folder.")
    ] = "models:/translate@champion",
    host: Annotated[str, typer.Option(help="The address to listen on: 0.0.0.0 for others too.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="A free port.")] = 5001,
    threads: Threads = None,
    public_key: PublicKey = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes, each with the model.")] = 1,
    batching: Annotated[bool, typer.Option(help="Answer what several ask at a time in one batch.")] = True,
    token: Annotated[
        str | None,
        typer.Option(envvar="UNROLL_TOKEN", help="What requests have to bring: Authorization: Bearer TOKEN."),
    ] = None,
    allowed_host: Annotated[
        list[str] | None,
        typer.Option(help="A name by which the server may be called; again for more. On loopback: its names alone."),
    ] = None,
    cors: Annotated[
        list[str] | None, typer.Option(help="The origin of a page that may ask from a browser; again for more.")
    ] = None,
    grace: Annotated[float, typer.Option(min=0, help="Seconds to answer what was begun, when told to end.")] = 10.0,
) -> None:
    """Answer over HTTP, on this machine alone unless told otherwise, with limits on what one request may ask for."""
    with needing("serve", "a server"):
        from unroll.serve.http import LOOPBACK, Settings
        from unroll.serve.http import serve as answers

    processes.mind_interruptions()
    processes.free(port, host)
    if host not in LOOPBACK and not token:
        print(f"unroll: whoever reaches {host}:{port} is answered: --token asks for one", file=sys.stderr)
    hosts = allowed_host or (LOOPBACK if host in LOOPBACK else ())
    settings = Settings(token, tuple(hosts), tuple(cors or ()), batching, _about(model))
    answers(partial(load, model, threads, public_key), settings, host, port, grace, workers)


@app.command()
def package(
    folder: Annotated[Path, typer.Argument(help="Where it goes; there is nothing yet.")],
    model: Annotated[
        str, typer.Option(help="A registered version, or a checkpoint folder.")
    ] = "models:/translate@champion",
    public_key: PublicKey = None,
) -> None:
    """Write a folder from which a model's server is built anywhere: Dockerfile, hashed requirements, code, weights."""
    with needing("serve", "a package"):
        from unroll.face import signatures
        from unroll.serve.packaging import package as packs

        predictor, place = load(model, None, public_key), folder_of(model)
        packs(place, predictor.search, folder, signatures(model))
    print(f"{folder} has a Dockerfile, and a compose.yaml with a proxy; without either, in a virtual environment:")
    print(f"cd {folder} && pip install -r requirements.txt && python -m unroll serve model")


@app.command()
def ui(port: Annotated[int, typer.Option(min=1, max=65535, help="A free port.")] = 5000) -> None:
    """Show runs and models in MLflow's pages, on this machine alone."""
    with needing("track", "MLflow's pages"):
        from unroll.serve.ui import serve

        processes.mind_interruptions()
        serve(port)


def _about(model: str) -> dict[str, str]:
    """Return what tells a model and this program from others."""
    from unroll.artifacts.store import read_manifest
    from unroll.face import __version__

    place = folder_of(model)
    weights = read_manifest(place)["files"]["model.safetensors"] if is_folder(place) else ""
    return {"unroll": __version__, "model": model if model.startswith("models:") else place.name, "weights": weights}
