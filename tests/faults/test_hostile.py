"""Files made to do harm: refused in one line, before anything in them runs."""

from __future__ import annotations

import io
import json
import pickle
import shutil
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from tests import recipes, tiny
from tests.faults.conftest import Project
from tests.faults.hostile.cases import CASES
from tests.faults.hostile.running import faults, folder, outcome
from unroll.data import archives
from unroll.errors import DataError, IntegrityError, ParamsError, UnrollError
from unroll.params import reading
from unroll.params.pipeline import Pipeline
from unroll.predict import loading
from unroll.registry import tracking

pytestmark = pytest.mark.fault("hostile file")

CANARY = "canary"


class Bomb:
    """Whoever unpickles it makes a file."""

    def __reduce__(self) -> tuple[Any, tuple[str, str]]:
        return open, (CANARY, "w")


@pytest.fixture(autouse=True)
def canary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder in which a bomb would leave its file; a bomb that is set off on purpose does."""
    monkeypatch.chdir(tmp_path)
    pickle.loads(pickle.dumps(Bomb())).close()
    Path(CANARY).unlink()


@pytest.fixture
def model(undisturbed: Project, tmp_path: Path) -> Path:
    return Path(shutil.copytree(undisturbed.folder / "data" / "mine" / "model", tmp_path / "model"))


def torch_pickle(folder: Path) -> None:
    torch.save({"weights": Bomb()}, folder / "model.safetensors")


def pickled(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).write_bytes(pickle.dumps(Bomb())) and None


def foreign_code(folder: Path) -> None:
    for name in ("sitecustomize.py", "served.py"):
        (folder / name).write_text(f"open({CANARY!r}, 'w')")


def long_header(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes((2**62).to_bytes(8, "little") + b"{}")


def outside(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors").symlink_to("/etc/hostname")


FORGERIES = [
    torch_pickle,
    pickled("params.json"),
    pickled("target.tokenizer.json"),
    pickled("target.model"),
    foreign_code,
    long_header,
    outside,
]


@pytest.mark.parametrize("forge", FORGERIES)
def test_a_forged_model_is_refused_with_hashes_that_agree(model: Path, forge: Callable[[Path], None]) -> None:
    forge(model)
    tiny.sign(model)
    with pytest.raises(IntegrityError) as caught:
        loading.load(model)
    assert "\n" not in str(caught.value)
    assert not Path(CANARY).exists()


def test_a_manifest_that_names_files_elsewhere_is_refused(model: Path) -> None:
    (model.parent / "evil").write_bytes(b"x")
    tiny.sign(model)
    manifest = json.loads((model / "manifest.json").read_text())
    manifest["files"]["../evil"] = "0" * 64
    (model / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(IntegrityError):
        loading.load(model)


@pytest.mark.parametrize("name", ["../evil", "/tmp/evil", "a/../../evil", "a\\..\\evil"])
def test_no_member_of_an_archive_leaves_its_folder(undisturbed: Project, name: str) -> None:
    document = yaml.safe_load((undisturbed.folder / "pipelines/mine.yaml").read_text())
    document["fetch"] = {
        "kind": "wheel", "requirement": "a==1", "sha256": "0" * 64, "members": {"../../evil": name},
    }  # fmt: skip
    with pytest.raises(ParamsError, match="must be a path inside the folder"):
        reading.parse(Pipeline, document | {"machine": recipes.MACHINE}, "pipelines/mine.yaml")


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFDIR, stat.S_IFIFO, stat.S_IFCHR])
def test_links_and_devices_in_an_archive_are_refused(kind: int) -> None:
    member = zipfile.ZipInfo("evil")
    member.external_attr = (kind | 0o777) << 16
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr(member, "/etc/passwd")
    with zipfile.ZipFile(content) as archive, pytest.raises(DataError, match="no plain file"):
        archives._plain_member(archive, "evil")


@pytest.mark.parametrize("file", ["params.yaml", "pipelines/mine.yaml"])
@pytest.mark.parametrize(
    "text",
    [
        f"mine: !!python/object/apply:builtins.open [{CANARY}, w]",
        f"mine: !!python/object/new:os.system [touch {CANARY}]",
    ],
)
def test_yaml_that_would_run_is_refused(file: str, text: str) -> None:
    recipes.write_project(Path(), "mine", recipes.document("translate"))
    assert reading.load(Path(), "mine").shape == "n_to_m"
    Path(file).write_text(text)
    with pytest.raises(UnrollError, match=f"{file}: cannot be read"):
        reading.load(Path(), "mine")
    assert not Path(CANARY).exists()


def test_a_pickled_model_is_not_loaded(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tracking.prepare(30)
    import mlflow
    from mlflow.exceptions import MlflowException

    class Evil(mlflow.pyfunc.PythonModel):
        def __reduce__(self) -> tuple[Any, tuple[str, str]]:
            return open, (CANARY, "w")

        def predict(self, context, model_input):  # type: ignore[no-untyped-def]
            return model_input

    with monkeypatch.context() as allowed:
        allowed.setenv("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "true")
        mlflow.pyfunc.save_model("evil", python_model=Evil(), pip_requirements=[])
    with pytest.raises(MlflowException, match=r"(?i)pickle"):
        mlflow.pyfunc.load_model("evil")
    assert not Path(CANARY).exists()


@pytest.mark.parametrize("name", CASES)
def test_what_is_hostile_is_told_in_one_line_with_little_spent(name: str) -> None:
    with folder() as place:
        found = outcome(CASES[name], place)
    assert faults(CASES[name], found) == [], found.err


def test_the_same_file_unforged_is_accepted(model: Path) -> None:
    tiny.sign(model)
    assert loading.load(model).predict(["I drink milk."])
