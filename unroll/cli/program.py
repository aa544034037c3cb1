"""What all commands belong to."""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer(
    help="Recurrent sequence models, from raw text to a registered model.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

export = typer.Typer(help="Write what others can use.", no_args_is_help=True)
app.add_typer(export, name="export")


def _version(wanted: bool) -> None:
    if wanted:
        from unroll.face import __version__

        print(f"unroll {__version__}")
        raise typer.Exit


@app.callback()
def unroll(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print it.")] = False,
) -> None:
    """Recurrent sequence models, from raw text to a registered model."""
