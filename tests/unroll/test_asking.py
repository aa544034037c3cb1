"""Every head of every shape can be asked, and each way of asking is one that the rest of the house knows."""

from __future__ import annotations

import re
from typing import get_args

import pytest

from unroll.asking import ASKINGS, Asking, able, by_command
from unroll.cli.main import app
from unroll.nn.model import HEADS
from unroll.params.evaluate import Evaluate, Search
from unroll.params.reading import search
from unroll.shapes import SHAPES

ROWS = pytest.mark.parametrize("asking", ASKINGS.values(), ids=ASKINGS)


@pytest.mark.parametrize("head", sorted({head for shape in SHAPES.values() for head in shape.heads}))
def test_every_head_of_every_shape_can_be_asked(head: str) -> None:
    assert able(head)
    assert all(head in asking.heads for asking in able(head))


def test_a_decoder_translates_unless_it_is_told_to_generate() -> None:
    assert [asking.kind for asking in able("decoder")] == ["beam", "sample"]
    assert [asking.kind for asking in able("language_model")] == ["sample"]
    assert able("nothing") == ()


@ROWS
def test_what_is_usual_is_a_search_of_its_kind(asking: Asking) -> None:
    assert search({"kind": asking.kind, **asking.usual}, "here").kind == asking.kind


@ROWS
def test_requests_and_limits_name_fields_of_the_search_or_the_number_of_answers(asking: Asking) -> None:
    known = {*asking.usual, "n_best"}
    assert {*asking.requests, *asking.most} <= known
    assert "n_best" in asking.most
    assert all(asking.most[name] >= asking.usual.get(name, 1) for name in asking.most)


@ROWS
def test_a_remark_is_filled_in_from_the_search(asking: Asking) -> None:
    assert {*re.findall(r"{(\w+)}", asking.remark)} <= asking.usual.keys()
    assert asking.remark.format(**asking.usual).count("{") == 0


@ROWS
def test_its_heads_are_known_and_its_command_is_one(asking: Asking) -> None:
    assert set(asking.heads) <= HEADS.keys()
    commands = {command.callback.__name__ for command in app.registered_commands if command.callback}
    assert asking.command in commands
    assert by_command(asking.command) is asking


def test_every_search_of_the_parameters_is_a_way_of_asking() -> None:
    kinds = {get_args(section.model_fields["kind"].annotation)[0] for section in get_args(get_args(Search)[0])}
    assert kinds == ASKINGS.keys()
    assert Evaluate.model_fields["search"]
    assert all(kind == asking.kind for kind, asking in ASKINGS.items())


def test_commands_are_unlike() -> None:
    assert len({asking.command for asking in ASKINGS.values()}) == len(ASKINGS)
    with pytest.raises(StopIteration):
        by_command("sing")
