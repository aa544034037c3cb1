"""Cells, attentions, contexts, heads and readers of one's own: a module that a pipeline file names in `parts`.

The module puts its classes and functions into the dictionaries in which the library looks names up:

    from unroll.nn.cells import CELLS, Cell

    class Mine(Cell):
        ...

    CELLS["mine"] = Mine

Then `cell: mine` in the pipeline file is all it takes, for `dvc repro` too: beside the pipeline's name in params.yaml
the same module tells DVC what to watch. A model remembers the module's hash, and is answered with that module alone.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

from unroll.artifacts.manifest import Manifest, sha256, signed
from unroll.errors import IntegrityError, ParamsError


def bring(module: str | None, root: Path) -> dict[str, Manifest]:
    """Run a module of parts, once; return what a model that is made with it inherits: {"parts": its manifest}.

    Args:
        module: its path below `root`; None where there is none.
    Raises:
        ParamsError: there is no such file, or it cannot be run.
    """
    if module is None:
        return {}
    path = root / module
    if not path.is_file():
        raise ParamsError(f"parts: {path}: no such file; name the module that defines your parts, or nothing")
    digest = sha256(path)
    _run(path, digest)
    return {"parts": signed("parts", {module: digest}, {})}


def bring_again(module: str | None, root: Path, inherited: Manifest | None) -> None:
    """Run the module with which a model was made, if it is here.

    Raises:
        IntegrityError: the module here is another one.
        ParamsError: as `bring`.
    """
    if module is None or not (root / module).is_file():
        return
    expected = (inherited or {}).get("files", {}).get(module)
    if sha256(root / module) != expected:
        raise IntegrityError(
            f"{root / module}: is not the module with which the model was made; bring that one back, or train again"
        )
    _run(root / module, expected)


def _run(path: Path, digest: str) -> None:
    name = f"unroll_parts_{digest[:16]}"
    if name in sys.modules:
        return
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ParamsError(f"parts: {path}: not a Python module; its name ends in .py")
    sys.modules[name] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(sys.modules[name])
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise ParamsError(f"parts: {path}: cannot be run: {type(error).__name__}: {error}; fix it") from error
