"""Writing what people read: a pipeline file with a remark where a remark helps, and a line in the grid."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from unroll.errors import ParamsError

Document = Mapping[str, Any]
FIRST = ("shape", "fetch", "prepare", "tokenize", "model", "train")
"""the sections that matter, in the order in which one reads them; the others stand below"""
REMARKS = {
    "fetch.members": "{your file under data/sources: its name here}",
    "prepare.corpus": "what is read of it; pipelines/*.yaml and docs/own-data.md have the other formats",
    "prepare.split.by": "rows that share this side are never parted into train and test",
    "prepare.max_rows": "try with fewer first: 2000",
    "tokenize.source.vocab_size": "the most that are learnt; what is not among them is spelled, or unknown",
    "model.dropout": "more where validation gets worse while training gets better",
    "model.encoder.hidden": "twice as many learn more, in twice to four times the time",
    "train.updates": "how long training takes: unroll plan NAME --minutes 10",
    "train.learning_rate": "a third of it where training jumps or diverges",
    "train.bleu_tokenizer": "of answers that are sentences: 13a, or zh, char, ja-mecab, ...",
    "train.class_weights": "balanced, where rare classes matter as much as frequent ones",
    "train.select_by": "or: bleu, chrf, accuracy, macro_f1, macro_recall, span_f1, loss",
}
"""{a parameter: what one does with it}"""
REST = "# The rest is as in the shipped pipelines of this shape, and can stay so."


def pipeline_file(title: str, name: str, document: Document) -> str:
    """Return the text of a pipeline file: what matters on top."""
    top = {section: document[section] for section in FIRST}
    rest = {section: value for section, value in document.items() if section not in FIRST}
    blocks = [[f"# {title}"], *_sections(top, name), [REST], *_sections(rest, name)]
    text = "\n\n".join("\n".join(block) for block in blocks)
    return text.replace(f"# {title}\n\n", f"# {title}\n", 1).replace(f"{REST}\n\n", f"{REST}\n", 1) + "\n"


def _sections(document: Document, name: str) -> Iterator[list[str]]:
    for section, value in document.items():
        yield list(_lines({section: value}, "", "", name))


def _lines(value: Document, indent: str, path: str, name: str) -> Iterator[str]:
    for key, item in value.items():
        here = f"{path}{key}"
        remark = f" # {REMARKS[here].replace('NAME', name)}" if here in REMARKS else ""
        if isinstance(item, Mapping) and item:
            yield f"{indent}{_scalar(key)}:{remark}"
            yield from _lines(item, f"{indent}  ", f"{here}.", name)
        elif isinstance(item, list) and item:
            yield f"{indent}{_scalar(key)}:{remark}"
            yield from (f"{indent}- {_scalar(one)}" for one in item)
        else:
            yield f"{indent}{_scalar(key)}:{'' if item is None else f' {_scalar(item)}'}{remark}"


def _scalar(value: Any) -> str:
    quoted = '"' if isinstance(value, str) and not value.isprintable() else None
    text = yaml.safe_dump(value, default_flow_style=True, default_style=quoted, allow_unicode=True, width=10**9)
    return text.removesuffix("...\n").strip()


def with_pipeline(text: str, entry: str, where: str) -> str:
    """Return params.yaml with one more line in its grid; all else, the remarks too, stays as it is.

    >>> with_pipeline("pipelines: # two\\n  a: x\\n\\nmachine: {}\\n", "b: y", "params.yaml")
    'pipelines: # two\\n  a: x\\n  b: y\\n\\nmachine: {}\\n'

    Raises:
        ParamsError: the grid is not written a line each.
    """
    lines = text.splitlines()
    begins = [place for place, line in enumerate(lines) if re.match(r"pipelines:\s*(#.*)?$", line)]
    if len(begins) != 1:
        raise ParamsError(f"{where}: pipelines: is not written a line each; add there by hand: {entry}")
    first = last = begins[0]
    for place, line in enumerate(lines[begins[0] + 1 :], begins[0] + 1):
        if line.strip() and not line.startswith(" "):
            break
        if line.strip() and not line.lstrip().startswith("#"):
            first, last = first if first > begins[0] else place, place
    indent = re.match(r" *", lines[first]).group() if first > begins[0] else "  "  # type: ignore[union-attr]
    return "\n".join([*lines[: last + 1], f"{indent}{entry}", *lines[last + 1 :]]) + "\n"
