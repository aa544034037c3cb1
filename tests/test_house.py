"""The rules of the house that no linter knows: functions over a tree, tried on this one, a good one and bad ones."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from unroll.params import Pipeline, dump

ROOT = Path(__file__).parents[1]
PACKAGES = ("unroll", "stages", "pipelines")
ORDER = [
    "errors", "processes", "params", "artifacts", "corpus", "text", "lexicon", "batches", "embeddings", "cells",
    "layers", "attention", "encoders", "decoders", "heads", "losses", "model", "quantization", "shortlist",
    "search", "metrics", "baselines", "training", "planning", "snapshots", "checkpoints", "predictor", "scoring",
    "origin", "tracking", "lineage", "verification", "card", "registry", "serving", "served", "plots", "ui", "cli",
]  # fmt: skip
"""The modules of `unroll`: each may import those before it, and no other."""
RESERVED = {
    "mlflow": {"unroll.tracking", "unroll.registry", "unroll.served"},
    "unroll.tracking": {"stages", "unroll.registry", "unroll.ui"},
    "unroll.registry": {"stages", "unroll.cli"},
    "unroll.ui": {"unroll.cli"},
    "unroll.plots": {"stages"},
    "stages": {"stages", "unroll.cli"},
    "pipelines": {"stages", "pipelines"},
}
"""{package or module: the packages and modules that may import it, and no other}"""
RUN_BY_NAME = {"stages.register": {"unroll.served"}}
"""{stage: modules that it hands to MLflow as files}"""
LONGEST = 60
Modules = dict[str, ast.Module]
Rule = Callable[[Path], Iterator[str]]
Function = ast.FunctionDef | ast.AsyncFunctionDef


def read(root: Path) -> Modules:
    """Return every module of the three packages, parsed, by its dotted name; `unroll` is unroll/__init__.py."""
    files = sorted(path for package in PACKAGES for path in (root / package).rglob("*.py"))
    return {name_of(path.relative_to(root)): ast.parse(path.read_text(encoding="utf-8")) for path in files}


def name_of(path: Path) -> str:
    """Return a module's dotted name: unroll/text.py -> unroll.text, unroll/__init__.py -> unroll."""
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


def reach(start: str, modules: Modules) -> set[str]:
    """Return the modules of ours that run when `start` is run, itself and its packages included."""
    found: set[str] = set()
    waiting = {start, start.partition(".")[0]} | RUN_BY_NAME.get(start, set())
    while waiting := (waiting & modules.keys()) - found:
        found |= waiting
        waiting = {name for module in waiting for name in imports(running(modules[module]))}
    return found


def wrong_imports(root: Path) -> Iterator[str]:
    """Yield every import that runs against the direction of the house."""
    modules = read(root)
    for module, tree in modules.items():
        for target in sorted(imports(ast.walk(tree))):
            known = target in modules or target in RESERVED or target == "torch"
            if known and not allowed(module, target):
                yield f"{module} imports {target}"


def allowed(module: str, target: str) -> bool:
    """Return whether one module of ours may import another, or a package that is watched."""
    (package, _, name), (there, _, inner) = module.partition("."), target.partition(".")
    if target in RESERVED:
        return bool({package, module} & RESERVED[target])
    if package == "pipelines":
        return there == package
    if package == there == "unroll":
        return name != "search" and (not inner or before(inner, name))
    return package != there or not inner  # no stage imports a stage


def before(first: str, second: str) -> bool:
    """Return whether one module of `unroll` stands before another; one without a place does not."""
    return {first, second} <= set(ORDER) and ORDER.index(first) < ORDER.index(second)


def wrong_dependencies(root: Path) -> Iterator[str]:
    """Yield every .py file that a stage of dvc.yaml reaches and does not declare, or declares and does not reach."""
    modules = read(root)
    for stage, declared in stages(root):
        files = {str(path) for path in declared.get("deps", []) if str(path).endswith(".py")}
        reached = {file_of(root, module) for module in reach(f"stages.{stage}", modules)}
        yield from (f"{stage}: {path} is imported and not among the deps" for path in sorted(reached - files))
        yield from (f"{stage}: {path} is among the deps and not imported" for path in sorted(files - reached))


def stages(root: Path) -> list[tuple[str, dict[str, Any]]]:
    """Return the stages that dvc.yaml declares."""
    return list(yaml.safe_load((root / "dvc.yaml").read_text(encoding="utf-8"))["stages"].items())


def file_of(root: Path, module: str) -> str:
    """Return a module's file, relative to the root: the inverse of `name_of`."""
    path = Path(*module.split("."))
    return (path / "__init__.py" if (root / path).is_dir() else path.with_suffix(".py")).as_posix()


def wrong_parameters(root: Path) -> Iterator[str]:
    """Yield every section of params.yaml that a stage reads and does not declare, or declares and does not read."""
    modules = read(root)
    for stage, declared in stages(root):
        wanted = {str(name).removeprefix("${item.pipeline}.") for name in declared.get("params", [])}
        read_here = sections(modules.get(f"stages.{stage}", ast.Module([], [])))
        yield from (f"{stage}: reads {name}, which is not among its params" for name in sorted(read_here - wanted))
        yield from (f"{stage}: declares {name}, which it does not read" for name in sorted(wanted - read_here))


def sections(tree: ast.AST) -> set[str]:
    """Return the sections of a pipeline that are taken of the name `params`."""
    names = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "params"
    }
    return {field.alias or name for name, field in Pipeline.model_fields.items() if name in names}


def unhashed_parameters(root: Path) -> Iterator[str]:
    """Yield every parameter that DVC would leave out of the key of its run cache, by its name."""

    def walk(value: Any, name: str) -> Iterator[str]:
        for key, item in value.items() if isinstance(value, dict) else ():
            if key in ("size", "nfiles"):
                yield f"{name}{key}: DVC drops this name from the key of its run cache"
            yield from walk(item, f"{name}{key}.")

    return walk(yaml.safe_load((root / "params.yaml").read_text(encoding="utf-8")), "")


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
    for path in sorted((root / "unroll").glob("*.py")):
        if path.stem != "__init__" and not (root / "tests/unroll" / f"test_{path.stem}.py").is_file():
            yield f"unroll/{path.name}: no tests/unroll/test_{path.stem}.py"


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
    wrong_dependencies,
    wrong_parameters,
    unhashed_parameters,
    undocumented,
    too_long,
    untested,
    pickles,
]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_this_house_keeps(rule: Rule) -> None:
    breaches = list(rule(ROOT))
    assert not breaches, "\n" + "\n".join(breaches)


def test_the_table_of_the_lecture_names_files_and_tests_that_exist() -> None:
    table = (ROOT / "docs/lecture.md").read_text(encoding="utf-8")
    tests = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", table)
    assert len(tests) > 40
    for path, name in tests:
        assert not name or f"def {name}(" in (ROOT / path).read_text(encoding="utf-8"), f"{path}::{name}"
    files = re.findall(r"`((?:unroll|stages|benchmarks|pipelines)/[\w/]+\.py)`", table)
    assert files
    assert not [path for path in files if not (ROOT / path).is_file()]


def test_order_names_every_module() -> None:
    assert {path.stem for path in (ROOT / "unroll").glob("*.py")} - {"__init__"} <= set(ORDER)


def test_make_smoke_turns_down_parameters_that_every_pipeline_has(make_params: Callable[..., Pipeline]) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    told = re.findall(r"([a-z_.]+)=(\d+)", makefile.partition("SMALL :=")[2].partition("\n\n")[0])
    small = {name: int(value) for name, value in told}
    assert len(small) > 5
    for pipeline in yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))["pipelines"]:
        document = dump(make_params(pipeline))
        for name in small:
            section, _, parameter = name.partition(".")
            assert parameter in document[section], f"{pipeline}: {name}"
        smaller = make_params(pipeline, **small)
        assert smaller.train.updates < document["train"]["updates"]
        assert smaller.train.validate_every < smaller.train.updates, "the best weights are chosen, not the only ones"
        assert smaller.prepare.max_rows is not None


GOOD = {
    "dvc.yaml": "stages: {tokenize: {deps: [data/raw, stages/__init__.py, stages/tokenize.py, unroll/__init__.py,"
    ' unroll/errors.py, unroll/text.py], params: ["${item.pipeline}.tokenize", "${item.pipeline}.register"]}}',
    "params.yaml": "translate: {tokenize: {vocab_size: 8}}",
    "stages/__init__.py": '"""Doc."""\nfrom unroll.errors import UnrollError',
    "stages/tokenize.py": '"""Doc."""\nfrom stages import UnrollError\nfrom unroll import text\n'
    "def run(params: params.Pipeline):\n    'Doc.'\n    return text, params.tokenize.vocab_size, params.register_",
    "unroll/__init__.py": '"""Doc."""',
    "unroll/errors.py": '"""Doc."""\nclass UnrollError(Exception):\n    "Doc."\n    def shown(self):\n        "Doc."',
    "unroll/text.py": '"""Doc."""\nfrom unroll.errors import UnrollError\nclass TextError(UnrollError):\n'
    '    "Doc."\n    def shown(self): ...',
    "pipelines/__init__.py": '"""Doc."""',
    "tests/unroll/test_errors.py": "",
    "tests/unroll/test_text.py": "",
}
BREACHES = [
    (
        wrong_imports,
        {"unroll/errors.py": "def f():\n    from unroll import text"},
        "unroll.errors imports unroll.text",
    ),
    (wrong_imports, {"unroll/odd.py": "import unroll.errors"}, "unroll.odd imports unroll.errors"),
    (wrong_imports, {"unroll/search.py": "from unroll.errors import X"}, "unroll.search imports unroll.errors"),
    (wrong_imports, {"unroll/search.py": "import unroll"}, "unroll.search imports unroll"),
    (wrong_imports, {"unroll/text.py": "import stages"}, "unroll.text imports stages"),
    (wrong_imports, {"unroll/text.py": "import mlflow.pyfunc"}, "unroll.text imports mlflow"),
    (wrong_imports, {"stages/tokenize.py": "from mlflow import start_run"}, "stages.tokenize imports mlflow"),
    (
        wrong_imports,
        {"unroll/predictor.py": "from unroll import tracking", "unroll/tracking.py": ""},
        "unroll.predictor imports unroll.tracking",
    ),
    (wrong_imports, {"unroll/cli.py": "import unroll.plots", "unroll/plots.py": ""}, "unroll.cli imports unroll.plots"),
    (wrong_imports, {"stages/embed.py": "from stages.tokenize import f"}, "stages.embed imports stages.tokenize"),
    (wrong_imports, {"pipelines/n_to_m.py": "import torch"}, "pipelines.n_to_m imports torch"),
    (wrong_imports, {"pipelines/n_to_m.py": "from unroll import text"}, "pipelines.n_to_m imports unroll.text"),
    (
        wrong_dependencies,
        {"unroll/text.py": "def f():\n    from unroll.batches import g", "unroll/batches.py": ""},
        "tokenize: unroll/batches.py is imported and not among the deps",
    ),
    (
        wrong_dependencies,
        {"stages/tokenize.py": "if TYPE_CHECKING:\n    from unroll import text"},
        "tokenize: unroll/text.py is among the deps and not imported",
    ),
    (
        wrong_parameters,
        {"stages/tokenize.py": "params.train"},
        "tokenize: reads train, which is not among its params",
    ),
    (wrong_parameters, {"stages/tokenize.py": ""}, "tokenize: declares register, which it does not read"),
    (unhashed_parameters, {"params.yaml": "a: {b: {size: 1}}"}, "a.b.size: DVC drops this name"),
    (undocumented, {"unroll/text.py": "import re"}, "unroll.text: no docstring"),
    (undocumented, {"unroll/text.py": "def f(): ..."}, "unroll.text.f: no docstring"),
    (undocumented, {"unroll/text.py": "class A:\n    def f(self): ..."}, "unroll.text.A.f: no docstring"),
    (too_long, {"unroll/text.py": "def f():\n" + LONGEST * "    print()\n"}, "unroll.text.f: 61 lines, of at most 60"),
    (untested, {"unroll/batches.py": ""}, "unroll/batches.py: no tests/unroll/test_batches.py"),
    (pickles, {"unroll/text.py": "def f():\n    import pickle"}, "unroll.text imports pickle"),
    (pickles, {"unroll/text.py": "torch.load('x')"}, "unroll.text, line 1: torch.load"),
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
