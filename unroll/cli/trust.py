"""Commands that say where a model comes from, whether it is whole, and whose it is."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from unroll import telling
from unroll.cli.models import folder_of
from unroll.cli.options import PublicKey
from unroll.cli.program import app
from unroll.errors import IntegrityError
from unroll.extras import needing
from unroll.folders import is_folder


@app.command()
def lineage(
    model: Annotated[
        str, typer.Argument(help="A checkpoint folder, or a registered version: models:/NAME@champion.")
    ] = "data/translate/model",
    slsa: Annotated[
        bool, typer.Option("--slsa", help="As JSON: an in-toto Statement with the provenance that SLSA specifies.")
    ] = False,
) -> None:
    """Print where a model comes from, as a tree, after checking every hash."""
    from unroll.artifacts.lineage import describe

    print(_statement(folder_of(model)) if slsa else describe(folder_of(model)), end="")


@app.command()
def sign(
    model: Annotated[str, typer.Argument(help="A checkpoint folder, or a registered version: models:/NAME@champion.")],
    key: Annotated[Path, typer.Option(help="A private key of an elliptic curve: a file in PEM.")],
) -> None:
    """Sign a model: --public-key then asks no other. Beside a folder lies model.sig; a registered version has tags."""
    if model.startswith("models:"):
        with needing("track", "a registered model"):
            from unroll.registry.signatures import sign as signs

            print(f"signed\t{signs(model, key)}")
        return
    from unroll.artifacts import signing

    for file in signing.write(Path(model), signing.sign(Path(model), key)):
        print(f"signed\t{file}")


@app.command()
def verify(
    places: Annotated[
        list[str] | None,
        typer.Argument(
            help="Models, data/PIPELINE, or models:/NAME@champion. Without any: all below data, and what DVC's cache "
            "holds of it."
        ),
    ] = None,
    remote: Annotated[bool, typer.Option("--remote", help="Read DVC's default remote through as well.")] = False,
    public_key: PublicKey = None,
) -> None:
    """Compute every hash again, down to the raw files, and name the files that are not what they were.

    Of a model it says whether it is signed; with --public-key a model that its owner has not signed is wrong.
    """
    from unroll.artifacts.verification import folders, rotten, wrong

    looked = {place: _looked_up(place) for place in places or ["data"]}
    checked, found = 0, [complaint for _, complaints in looked.values() for complaint in complaints]
    for name, place in [(name, place) for name, (place, _) in looked.items() if is_folder(place) or not found]:
        for folder in folders(place):
            told = list(wrong(folder))
            signed, against = ("", []) if told else _signed(name, folder, public_key)
            print(f"{'rotten' if told else 'whole'}\t{telling.line(str(folder))}{signed}")
            checked, found = checked + 1, [*found, *told, *against]
    if not places or remote:
        found += rotten(Path("dvc.lock"), remote)
    for complaint in found:
        print(f"unroll: {telling.line(complaint)}", file=sys.stderr)
    if found:
        raise IntegrityError(f"{len(found)} found wrong, {checked} folders checked; fix what is named above")


def _statement(folder: Path) -> str:
    """Return a model's provenance as JSON, with code and times where its run is in the store."""
    from unroll.artifacts.manifest import dump_json, identity
    from unroll.artifacts.statement import statement
    from unroll.artifacts.store import read_manifest

    with needing("track", "the run of a model"):
        from unroll.registry.provenance import made

        return dump_json(statement(folder, made(identity(read_manifest(folder)))))


def _looked_up(place: str) -> tuple[Path, list[str]]:
    """Return the folder that a name stands for, and what of a registered version is not what its tags say."""
    if not place.startswith("models:"):
        return Path(place), []
    with needing("track", "a registered model"):
        from unroll.registry.held import wrong
        from unroll.registry.names import version_of

        version, folder = version_of(place)
        return folder, list(wrong(version, folder))


def _signed(place: str, folder: Path, key: Path | None) -> tuple[str, list[str]]:
    """Return whether a model is signed, as a column, and what is against that; of other artifacts nothing."""
    from unroll.artifacts import signing
    from unroll.artifacts.store import read_manifest
    from unroll.face import signatures

    if read_manifest(folder)["kind"] != "model":
        return "", []
    found = signatures(place if place.startswith("models:") else folder)
    if key is None:
        return "\tsigned, not checked" if found else "\tnot signed", []
    try:
        signing.check(folder, found, key)
    except IntegrityError as error:
        return "\twrongly signed" if found else "\tnot signed", [str(error)]
    return "\tsigned", []
