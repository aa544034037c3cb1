"""Commands that look at registered models, and move the champion."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from unroll import telling
from unroll.cli.options import Registered
from unroll.cli.program import app
from unroll.extras import needing


@app.command()
def versions(name: Registered) -> None:
    """List the versions of a registered model, the latest first: number, aliases, main score, verdict."""
    with needing("track", "the registry"):
        from unroll.registry.champions import versions as known

        for one in known(name):
            print(telling.harmless("\t".join([one.version, " ".join(one.aliases), one.main, one.verdict])))


@app.command()
def compare(
    name: Annotated[str, typer.Argument(help="A registered model, or with revisions a pipeline.")],
    revisions: Annotated[
        list[str] | None,
        typer.Argument(help="Commits, branches, DVC experiments, or workspace: the files here. Without any: versions."),
    ] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="A line for each, all of them.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The same as JSON.")] = False,
) -> None:
    """Show the parameters in which versions of a model or revisions of a pipeline differ, and their main scores."""
    with needing("track", "the registry"):
        from unroll.registry import comparing

        found = comparing.of_revisions(Path(), name, revisions) if revisions else comparing.of_versions(name)
    entries = comparing.differing(found)
    if as_json:
        print(json.dumps([entry._asdict() for entry in entries], indent=2, ensure_ascii=False))
    elif as_csv:
        print(comparing.as_csv(entries), end="")
    else:
        console = Console()
        console.print(comparing.table(entries, console.width))


@app.command()
def promote(
    name: Registered, version: Annotated[int, typer.Argument(min=1, help="Its number, as unroll versions tells it.")]
) -> None:
    """Make a version the champion, whatever the verdict on it was."""
    with needing("track", "the registry"):
        from unroll.registry.champions import promote as promotes

        before = promotes(name, str(version))
    print(f"{name} version {version} is champion" + (f"; version {before} was" if before else ""))


@app.command()
def rollback(name: Registered) -> None:
    """Make the version champion again that was before this one."""
    with needing("track", "the registry"):
        from unroll.registry.champions import rollback as rolls

        was, now = rolls(name)
    print(f"{name} version {now} is champion again; version {was} was")
