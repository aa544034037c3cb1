"""The rules of the house that no linter knows: functions over a tree, tried on this one, a good one and bad ones."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from unroll.artifacts import manifest
from unroll.params.pipeline import Pipeline
from unroll.params.reading import dump, grid, load

ROOT = Path(__file__).parents[1]
TOPS = ("unroll", "stages")
ORDER = [
    "telling", "plain", "errors", "extras", "processes", "shapes", "folders", "asking", "params", "artifacts", "parts",
    "starts", "data", "nn", "predict", "training", "evaluate", "registry", "serve", "begin", "face", "cli", "__main__",
]  # fmt: skip
"""The packages of `unroll` and the modules beside them, as data flows: each may import those before it."""
RESERVED = {
    "mlflow": {"unroll.registry", "unroll.serve"},
    "lightning_fabric": {"unroll.training"},
    "dvc": {"unroll.artifacts"},
    "unroll.registry": {"stages", "unroll.registry", "unroll.serve", "unroll.face", "unroll.cli"},
    "unroll.evaluate.plots": {"unroll.evaluate"},
    "stages": {"stages"},
}
"""{package or module: the packages that may import it, and no other}"""
PURE = {"unroll.nn": ("params", "data", "errors"), "unroll.predict.search": ()}
"""{what knows nothing of training, files and runs: what it may import of ours, beside itself}"""
INERT = {
    "stages": "reads the parameters, holds a lock, and runs a stage",
    "unroll": "finds names when they are first used",
    "unroll.telling": "words for people",
    "unroll.plain": "reads what is there, or refuses it",
    "unroll.errors": "words for people",
    "unroll.extras": "words for people",
    "unroll.processes": "locks and signals",
    "unroll.folders": "names of places, which dvc.yaml gives too",
    "unroll.shapes": "what may stand in a pipeline file",
    "unroll.params": "what may stand in a pipeline file: DVC watches the values",
    "unroll.parts": "is what a pipeline without parts of its own names in params.yaml",
    "unroll.starts": "is what a pipeline that starts from no model names in params.yaml",
    "unroll.artifacts": "hashes what is there; DVC watches the number of the manifest's format",
    "unroll.training.progress": "shows, and is never asked",
    "unroll.registry": "mirrors the files",
}
"""{what can change no byte of an output, and so is no dependency of a stage: why}; a package stands for all in it"""
ITS_WORK = {"register": ("unroll.registry", "unroll.artifacts.lineage")}
"""{stage: what is inert for all others}"""
RUN_BY_NAME = {"stages.register": {"unroll.serve.served"}}
"""{stage: modules that it hands to MLflow as files}"""
LONGEST = 60
Modules = dict[str, ast.Module]
Rule = Callable[[Path], Iterator[str]]
Function = ast.FunctionDef | ast.AsyncFunctionDef


def read(root: Path) -> Modules:
    """Return every module of the two packages, parsed, by its dotted name; `unroll` is unroll/__init__.py."""
    files = sorted(path for top in TOPS for path in (root / top).rglob("*.py"))
    return {name_of(path.relative_to(root)): ast.parse(path.read_text(encoding="utf-8")) for path in files}


def name_of(path: Path) -> str:
    """Return a module's dotted name: unroll/nn/cells.py -> unroll.nn.cells, unroll/__init__.py -> unroll."""
    return ".".join(path.with_suffix("").parts).removesuffix(".__init__")


def imports(nodes: Iterable[ast.AST]) -> set[str]:
    """Return all that is imported, inside functions too, with the packages on the way: a.b.c gives a, a.b and a.b.c.

    Names taken from a module of ours are in it as if they were modules: whoever asks knows which are.
    """
    named: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            named |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: imports here are absolute"
            named |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {".".join(name.split(".")[:depth]) for name in named for depth in range(1, name.count(".") + 2)}


def running(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes of a tree without what stands under `if TYPE_CHECKING`."""
    yield tree
    if not (isinstance(tree, ast.If) and ast.unparse(tree.test) == "TYPE_CHECKING"):
        for child in ast.iter_child_nodes(tree):
            yield from running(child)


def under(name: str, packages: Iterable[str]) -> bool:
    """Return whether a module is one of some packages, or in one of them."""
    return any(name == package or name.startswith(f"{package}.") for package in packages)


# Which way imports run


def wrong_imports(root: Path) -> Iterator[str]:
    """Yield every import that runs against the direction of the house."""
    modules = read(root)
    for module, tree in modules.items():
        for target in sorted(imports(ast.walk(tree))):
            if not allowed(module, target, modules):
                yield f"{module} imports {target}"


def allowed(module: str, target: str, modules: Modules) -> bool:
    """Return whether a module may import another one of ours, or a package that is watched."""
    if any(under(target, [watched]) and not under(module, who) for watched, who in RESERVED.items()):
        return False
    if target not in modules or target == "unroll" or module == "unroll":
        return True  # not of ours; or the face, which names what is below it
    for place, known in PURE.items():
        if under(module, [place]) and not under(target, [place, *(f"unroll.{name}" for name in known)]):
            return False
    (top, _, name), (there, _, inner) = module.partition("."), target.partition(".")
    if top != there:
        return top == "stages"
    if top == "stages":
        return target == "stages"  # no stage imports a stage
    place, other = name.partition(".")[0], inner.partition(".")[0]
    return place == other or before(other, place)


def before(first: str, second: str) -> bool:
    """Return whether one package of `unroll` stands before another; one without a place does not."""
    return {first, second} <= set(ORDER) and ORDER.index(first) < ORDER.index(second)


def circles(root: Path) -> Iterator[str]:
    """Yield every import that closes a circle of modules, as Python runs them."""
    modules = read(root)
    to = {name: imports(running(tree)) & modules.keys() - {name} - packages(modules) for name, tree in modules.items()}
    done: set[str] = set()

    def walk(name: str, path: tuple[str, ...]) -> Iterator[str]:
        if name in path:
            yield " -> ".join((*path[path.index(name) :], name))
        elif name not in done:
            for target in sorted(to[name]):
                yield from walk(target, (*path, name))
            done.add(name)

    for name in to:
        yield from walk(name, ())


def packages(modules: Modules) -> set[str]:
    """Return the names of modules that have others below them."""
    return {name for name in modules if any(other.startswith(f"{name}.") for other in modules)}


def talkative(root: Path) -> Iterator[str]:
    """Yield every package of `unroll` whose `__init__.py` holds anything but a docstring."""
    modules = read(root)
    rooms = {name_of(path.parent.relative_to(root)) for path in (root / "unroll").glob("*/*.py")}
    for name in sorted(rooms):
        if name not in modules or len(modules[name].body) != 1 or not ast.get_docstring(modules[name]):
            yield f"{name}: its __init__.py has to hold a docstring and nothing else"


# What DVC is told


def reach(stage: str, modules: Modules) -> set[str]:
    """Return the modules of ours that can change an output when a stage is run: not those that are inert."""
    found: set[str] = set()
    waiting = {f"stages.{stage}"} | RUN_BY_NAME.get(f"stages.{stage}", set())
    while waiting := {name for name in waiting & modules.keys() - found if not inert(name, stage, modules)}:
        found |= waiting
        waiting = {name for module in waiting for name in imports(running(modules[module]))}
    return found


def inert(module: str, stage: str, modules: Modules) -> bool:
    """Return whether a module can change no byte of what a stage writes."""
    if under(module, ITS_WORK.get(stage, ())):
        return module in packages(modules)
    known = [name for name in INERT if name not in TOPS]
    return under(module, known) or module in packages(modules)


def wrong_dependencies(root: Path) -> Iterator[str]:
    """Yield every .py file that a stage of dvc.yaml reaches and does not declare, or declares and does not reach."""
    modules = read(root)
    for stage, declared in stages(root):
        files = {str(path) for path in declared.get("deps", []) if str(path).endswith(".py")}
        reached = {file_of(module) for module in reach(stage, modules)}
        yield from (f"{stage}: {path} is imported and not among the deps" for path in sorted(reached - files))
        yield from (f"{stage}: {path} is among the deps and not imported" for path in sorted(files - reached))
        brings = imports(running(modules.get(f"stages.{stage}", ast.Module([], []))))
        for module, item in (("parts", "${item.parts}"), ("starts", "${item.start}")):
            if f"unroll.{module}" in brings and item not in declared["deps"]:
                yield f"{stage}: imports unroll.{module}, and {item} is not among the deps"


def stages(root: Path) -> list[tuple[str, dict[str, Any]]]:
    """Return what dvc.yaml declares for each stage."""
    found = yaml.safe_load((root / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    return [(name, declared["do"]) for name, declared in found.items()]


def file_of(module: str) -> str:
    """Return a module's file, relative to the root: the inverse of `name_of`."""
    return f"{module.replace('.', '/')}.py"


def wrong_parameters(root: Path) -> Iterator[str]:
    """Yield every part of a pipeline file that a stage reads and does not declare, or declares and does not read."""
    modules = read(root)
    for stage, declared in stages(root):
        wanted = {name for entry in declared.get("params", []) for name in names_in(entry)}
        read_here = sections(modules.get(f"stages.{stage}", ast.Module([], [])))
        for name in sorted(read_here):
            if not any(under(name, [known]) or under(known, [name]) for known in wanted):
                yield f"{stage}: reads {name}, which is not among its params"
        for name in sorted(wanted):
            if not any(under(name, [known]) or under(known, [name]) for known in read_here):
                yield f"{stage}: declares {name}, which it does not read"


def names_in(entry: Any) -> list[str]:
    """Return the parameters of a pipeline or of the machine that an entry of `params` names."""
    if isinstance(entry, dict):
        return [name for file, names in entry.items() for name in names if file.startswith("pipelines/")]
    return [entry]


def sections(tree: ast.AST) -> set[str]:
    """Return what a stage takes of its pipeline: of each argument that is annotated as one, by dotted names."""
    arguments = {
        argument.arg
        for node in ast.walk(tree)
        if isinstance(node, Function)
        for argument in node.args.args
        if argument.annotation is not None and ast.unparse(argument.annotation).endswith("Pipeline")
    }
    fields = {name: field.alias or name for name, field in Pipeline.model_fields.items()}
    inside = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and id(node) not in inside:
            owner, *names = ast.unparse(node).split(".")
            if owner in arguments and names[0] == "recipe":
                found |= RECIPE
            elif owner in arguments and names[0] in fields:
                found.add(".".join([fields[names[0]], *names[1:]]).replace("head.family", "head.kind"))
    return found


RECIPE = {"shape", "parts", "prepare", "noise", "tokenize", "embed", "model", "train", "machine"}
"""What `pipeline.recipe` takes of a pipeline."""


def unhashed_parameters(root: Path) -> Iterator[str]:
    """Yield every parameter that DVC would leave out of the key of its run cache, by its name."""

    def walk(value: Any, name: str) -> Iterator[str]:
        for key, item in value.items() if isinstance(value, dict) else ():
            if key in ("size", "nfiles"):
                yield f"{name}{key}: DVC drops this name from the key of its run cache"
            yield from walk(item, f"{name}{key}.")

    for path in [root / "params.yaml", *sorted((root / "pipelines").glob("*.yaml"))]:
        yield from walk(yaml.safe_load(path.read_text(encoding="utf-8")), f"{path.relative_to(root)}: ")


def wrong_artifacts(root: Path) -> Iterator[str]:
    """Yield every pipeline of the grid whose model dvc.yaml does not declare as it is, and every other declaration."""
    grid, declared = (
        yaml.safe_load((root / file).read_text(encoding="utf-8")).get(name, {})
        for file, name in (("params.yaml", "pipelines"), ("dvc.yaml", "artifacts"))
    )
    yield from (f"{name}: is in the grid and not among the artifacts" for name in sorted(grid.keys() - declared))
    yield from (f"{name}: is among the artifacts and not in the grid" for name in sorted(declared.keys() - grid))
    for name in sorted(grid.keys() & declared):
        shape = yaml.safe_load((root / f"pipelines/{name}.yaml").read_text(encoding="utf-8")).get("shape")
        wanted = {"type": "model", "path": f"data/{name}/model", "labels": [shape]}
        if declared[name] | wanted != declared[name] or not declared[name].get("desc"):
            yield f"{name}: its artifact needs a desc, and {wanted}"


# What one reads


def undocumented(root: Path) -> Iterator[str]:
    """Yield every module and every public function, class and method without a docstring.

    A method that overrides another needs none: it does what the other says.
    """
    modules = read(root)
    classes = {
        node.name: node for tree in modules.values() for node in ast.walk(tree) if isinstance(node, ast.ClassDef)
    }
    for module, tree in modules.items():
        if not ast.get_docstring(tree):
            yield f"{module}: no docstring"
        for node in tree.body:
            if not isinstance(node, (Function, ast.ClassDef)) or node.name.startswith("_"):
                continue
            if not ast.get_docstring(node):
                yield f"{module}.{node.name}: no docstring"
            for method in public_methods(node):
                if not ast.get_docstring(method) and not overrides(node.name, method.name, classes):
                    yield f"{module}.{node.name}.{method.name}: no docstring"


def public_methods(node: ast.AST) -> list[Function]:
    """Return the public methods of a class, and none of anything else."""
    body = node.body if isinstance(node, ast.ClassDef) else []
    return [method for method in body if isinstance(method, Function) and not method.name.startswith("_")]


def overrides(owner: str, method: str, classes: dict[str, ast.ClassDef]) -> bool:
    """Return whether a base class has the method: torch's `forward`, or one of ours with a docstring."""
    for base in (ast.unparse(base).split("[")[0] for base in classes[owner].bases):
        if method == "forward" and base == "nn.Module":
            return True
        if base in classes:
            own = [inherited for inherited in public_methods(classes[base]) if inherited.name == method]
            if any(ast.get_docstring(inherited) for inherited in own) or overrides(base, method, classes):
                return True
    return False


def too_long(root: Path) -> Iterator[str]:
    """Yield every function that does not fit a screen."""
    for module, tree in read(root).items():
        for node in ast.walk(tree):
            if isinstance(node, Function) and (lines := (node.end_lineno or 0) - node.lineno + 1) > LONGEST:
                yield f"{module}.{node.name}: {lines} lines, of at most {LONGEST}"


def untested(root: Path) -> Iterator[str]:
    """Yield every module of `unroll` that no test file mirrors."""
    for path in sorted((root / "unroll").rglob("*.py")):
        mirror = Path("tests") / path.relative_to(root).with_name(f"test_{path.stem.strip('_')}.py")
        if path.stem != "__init__" and not (root / mirror).is_file():
            yield f"{path.relative_to(root).as_posix()}: no {mirror.as_posix()}"


def pickles(root: Path) -> Iterator[str]:
    """Yield every way in for a pickle: its modules, `torch.load` and `torch.save`, `allow_pickle=True`."""
    modules = read(root)
    for module, tree in modules.items():
        for name in sorted(imports(ast.walk(tree)) & {"pickle", "cloudpickle", "dill", "joblib", "shelve"}):
            yield f"{module} imports {name}"
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and ast.unparse(node) in ("torch.load", "torch.save"):
                yield f"{module}, line {node.lineno}: {ast.unparse(node)}"
            if isinstance(node, ast.keyword) and node.arg == "allow_pickle" and ast.unparse(node.value) != "False":
                yield f"{module}, line {node.value.lineno}: allow_pickle={ast.unparse(node.value)}"


RULES: list[Rule] = [
    wrong_imports,
    circles,
    talkative,
    wrong_dependencies,
    wrong_parameters,
    unhashed_parameters,
    wrong_artifacts,
    undocumented,
    too_long,
    untested,
    pickles,
]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_this_house_keeps(rule: Rule) -> None:
    breaches = list(rule(ROOT))
    assert not breaches, "\n" + "\n".join(breaches)


def test_order_names_every_package() -> None:
    there = {
        path.stem for path in (ROOT / "unroll").iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()
    }
    assert there - {"__init__"} == set(ORDER)


def test_what_is_said_to_be_inert_is_there_and_has_a_reason() -> None:
    modules = read(ROOT)
    assert all(name in modules and reason for name, reason in INERT.items())


def test_training_depends_on_nothing_that_cannot_change_a_weight() -> None:
    declared = dict(stages(ROOT))["train"]["deps"]
    idle = [
        "scor",
        "baseline",
        "quanti",
        "shortlist",
        "lexicon",
        "tracking",
        "registry",
        "params/",
        "plot",
        "serve",
        "artifacts",
        "error",
    ]
    assert not [path for path in declared for word in idle if word in path]


ASKED = """
import json, sys
from pathlib import Path
from dvc.repo import Repo

idle, trainings = json.load(sys.stdin)
with Repo() as repo:
    before = repo.status(targets=trainings)
    for name in idle:
        path = Path(name)
        path.write_bytes(path.read_bytes() + b"# a remark\\n")
    print(json.dumps([before, repo.status(targets=trainings)]))
"""
"""What DVC says of trainings before and after a remark was added to some modules."""


def test_a_remark_in_what_can_change_no_weight_leaves_every_training_fresh(tmp_path: Path) -> None:
    for name in ("unroll", "stages", "pipelines", ".dvc/config", "params.yaml", "dvc.yaml", "dvc.lock"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (shutil.copytree if (ROOT / name).is_dir() else shutil.copy)(ROOT / name, tmp_path / name)
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    declared = set(dict(stages(ROOT))["train"]["deps"])
    idle = sorted(
        {file for top in TOPS for file in files_of(tmp_path, top)} - declared - {"unroll/parts.py", "unroll/starts.py"}
    )
    assert {"unroll/evaluate/plots.py", "unroll/params/train.py", "unroll/artifacts/manifest.py"} < set(idle)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DVC_")}
    asked = json.dumps([idle, [f"train@{pipeline}" for pipeline in grid(ROOT)]])
    done = subprocess.run(
        [sys.executable, "-c", ASKED], cwd=tmp_path, input=asked, capture_output=True, text=True,
        env=environment | {"DVC_SITE_CACHE_DIR": str(tmp_path / "cache")},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    before, after = json.loads(done.stdout)
    assert before.keys() == {f"train@{pipeline}" for pipeline in grid(ROOT)}  # nothing was pulled: data is not there
    assert after == before


def files_of(root: Path, top: str) -> Iterator[str]:
    """Yield the .py files of a package, relative to the root."""
    return (path.relative_to(root).as_posix() for path in (root / top).rglob("*.py"))


def test_every_stage_writes_manifests_and_so_watches_their_format() -> None:
    for _, declared in stages(ROOT):
        assert {"unroll/artifacts/manifest.py": ["FORMAT"]} in declared["params"]
    assert manifest.FORMAT == 1


def test_the_table_of_the_lecture_names_files_and_tests_that_exist() -> None:
    table = (ROOT / "docs/lecture.md").read_text(encoding="utf-8")
    tests = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", table)
    assert len(tests) > 40
    for path, name in tests:
        assert not name or f"def {name}(" in (ROOT / path).read_text(encoding="utf-8"), f"{path}::{name}"
    files = re.findall(r"`((?:unroll|stages|benchmarks|pipelines)/[\w/]+\.(?:py|yaml))`", table)
    assert files
    assert not [path for path in files if not (ROOT / path).is_file()]


def test_make_smoke_turns_down_parameters_that_every_pipeline_has() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    told = re.findall(r"([a-z_.]+)=(\d+)", makefile.partition("SMALL :=")[2].partition("\n\n")[0])
    small = {name: int(value) for name, value in told}
    assert len(small) > 5
    for pipeline in grid(ROOT):
        document = dump(load(ROOT, pipeline))
        for name in small:
            section, _, parameter = name.partition(".")
            assert parameter in document[section], f"{pipeline}: {name}"
        assert small["train.updates"] < document["train"]["updates"]
        assert small["train.validate_every"] < small["train.updates"], "the best weights are chosen, not the only ones"


ARTIFACT = "artifacts: {translate: {type: model, path: data/translate/model, desc: words, labels: [n_to_m]}}"
GOOD = {
    "dvc.yaml": "stages: {tokenize: {do: {deps: [data/raw, stages/tokenize.py, unroll/data/text.py],"
    " params: [{'pipelines/${key}.yaml': [tokenize, register, model.head.kind]}]}}}\n" + ARTIFACT,
    "params.yaml": "pipelines: {translate: {parts: a, start: b}}",
    "pipelines/translate.yaml": "shape: n_to_m\ntokenize: {vocab_size: 8}",
    "stages/__init__.py": '"""Doc."""\nfrom unroll.errors import UnrollError',
    "stages/tokenize.py": '"""Doc."""\nfrom stages import UnrollError\nfrom unroll.data import text\n'
    "def run(one: params.Pipeline):\n    'Doc.'\n"
    "    return text, one.tokenize.vocab_size, one.register_, one.model.head.family",
    "unroll/__init__.py": '"""Doc."""',
    "unroll/errors.py": '"""Doc."""\nclass UnrollError(Exception):\n    "Doc."\n    def shown(self):\n        "Doc."',
    "unroll/data/__init__.py": '"""Doc."""',
    "unroll/data/text.py": '"""Doc."""\nfrom unroll.errors import UnrollError\nclass TextError(UnrollError):\n'
    '    "Doc."\n    def shown(self): ...',
    "tests/unroll/test_errors.py": "",
    "tests/unroll/data/test_text.py": "",
}
TEXT = "unroll/data/text.py"
BREACHES = [
    (
        wrong_imports,
        {"unroll/errors.py": "def f():\n    from unroll.data import text"},
        "unroll.errors imports unroll.data",
    ),
    (wrong_imports, {"unroll/odd.py": "import unroll.errors"}, "unroll.odd imports unroll.errors"),
    (
        wrong_imports,
        {"unroll/predict/search.py": "from unroll.errors import X"},
        "unroll.predict.search imports unroll",
    ),
    (
        wrong_imports,
        {"unroll/nn/cells.py": "import unroll.artifacts", "unroll/artifacts.py": ""},
        "unroll.nn.cells imports",
    ),
    (wrong_imports, {TEXT: "import stages"}, "unroll.data.text imports stages"),
    (wrong_imports, {TEXT: "import mlflow.pyfunc"}, "unroll.data.text imports mlflow"),
    (wrong_imports, {"stages/tokenize.py": "from mlflow import start_run"}, "stages.tokenize imports mlflow"),
    (wrong_imports, {TEXT: "from lightning_fabric import Fabric"}, "unroll.data.text imports lightning_fabric"),
    (
        wrong_imports,
        {"unroll/predict/predictor.py": "from unroll.registry import live", "unroll/registry/live.py": ""},
        "unroll.predict.predictor imports unroll.registry",
    ),
    (
        wrong_imports,
        {"unroll/cli.py": "import unroll.evaluate.plots", "unroll/evaluate/plots.py": ""},
        "unroll.cli imports",
    ),
    (wrong_imports, {"stages/embed.py": "from stages.tokenize import f"}, "stages.embed imports stages.tokenize"),
    (
        circles,
        {TEXT: "def f():\n    from unroll.data import ids", "unroll/data/ids.py": "from unroll.data.text import f"},
        "unroll.data.text -> unroll.data.ids -> unroll.data.text",
    ),
    (
        talkative,
        {"unroll/data/__init__.py": '"""Doc."""\nfrom unroll.data.text import f'},
        "unroll.data: its __init__.py",
    ),
    (talkative, {"unroll/data/__init__.py": ""}, "unroll.data: its __init__.py"),
    (talkative, {"unroll/nn/cells.py": ""}, "unroll.nn: its __init__.py"),
    (
        wrong_dependencies,
        {TEXT: "def f():\n    from unroll.data.ids import g", "unroll/data/ids.py": ""},
        "tokenize: unroll/data/ids.py is imported and not among the deps",
    ),
    (
        wrong_dependencies,
        {"stages/tokenize.py": "if TYPE_CHECKING:\n    from unroll.data import text"},
        "tokenize: unroll/data/text.py is among the deps and not imported",
    ),
    (
        wrong_dependencies,
        {"stages/tokenize.py": "from unroll import parts", "unroll/parts.py": ""},
        "tokenize: imports unroll.parts, and ${item.parts} is not among the deps",
    ),
    (
        wrong_dependencies,
        {"stages/tokenize.py": "from unroll import starts", "unroll/starts.py": ""},
        "tokenize: imports unroll.starts, and ${item.start} is not among the deps",
    ),
    (
        wrong_parameters,
        {"stages/tokenize.py": "def run(any: Pipeline): any.train.updates"},
        "tokenize: reads train.updates, which is not among its params",
    ),
    (
        wrong_parameters,
        {"stages/tokenize.py": "def run(any: Pipeline): any.recipe"},
        "tokenize: reads embed, which is not among its params",
    ),
    (wrong_parameters, {"stages/tokenize.py": ""}, "tokenize: declares register, which it does not read"),
    (unhashed_parameters, {"pipelines/a.yaml": "b: {size: 1}"}, "pipelines/a.yaml: b.size: DVC drops this name"),
    (
        wrong_artifacts,
        {"params.yaml": "pipelines: {translate: a, name: b}"},
        "name: is in the grid and not among the artifacts",
    ),
    (wrong_artifacts, {"params.yaml": "pipelines: {}"}, "translate: is among the artifacts and not in the grid"),
    (wrong_artifacts, {"dvc.yaml": ARTIFACT.replace("n_to_m", "n_to_n")}, "translate: its artifact needs a desc, and"),
    (undocumented, {TEXT: "import re"}, "unroll.data.text: no docstring"),
    (undocumented, {TEXT: "def f(): ..."}, "unroll.data.text.f: no docstring"),
    (undocumented, {TEXT: "class A:\n    def f(self): ..."}, "unroll.data.text.A.f: no docstring"),
    (too_long, {TEXT: "def f():\n" + LONGEST * "    print()\n"}, "unroll.data.text.f: 61 lines, of at most 60"),
    (untested, {"unroll/data/ids.py": ""}, "unroll/data/ids.py: no tests/unroll/data/test_ids.py"),
    (pickles, {TEXT: "def f():\n    import pickle"}, "unroll.data.text imports pickle"),
    (pickles, {TEXT: "torch.load('x')"}, "unroll.data.text, line 1: torch.load"),
    (pickles, {"stages/tokenize.py": "np.load(x, allow_pickle=True)"}, "stages.tokenize, line 1: allow_pickle=True"),
]


def build(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_a_good_tree_passes(rule: Rule, tmp_path: Path) -> None:
    build(tmp_path, GOOD)
    assert list(rule(tmp_path)) == []


@pytest.mark.parametrize(("rule", "files", "complaint"), BREACHES, ids=[row[2] for row in BREACHES])
def test_a_breach_is_found(rule: Rule, files: dict[str, str], complaint: str, tmp_path: Path) -> None:
    build(tmp_path, GOOD | files)
    assert any(found.startswith(complaint) for found in rule(tmp_path))
