"""What all sections share: nothing has a default, none is changed, and names and paths are held to their forms."""

from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError

from tests import recipes
from unroll.params.evaluate import Sample
from unroll.params.explaining import _models_in
from unroll.params.model import LanguageModelParams, OwnHead, TaggerParams
from unroll.params.pipeline import Pipeline
from unroll.params.prepare import Csv, Lines, OwnCorpus, Table, Tsv
from unroll.params.sections import Digest, Name, RelativePath, Section
from unroll.params.tokenize import Labels
from unroll.params.train import Machine


def models(kind: type[Section]) -> list[type[Section]]:
    """The sections in a section, itself first."""
    fields = kind.model_fields.values()
    return [kind, *(inner for field in fields for found in _models_in(field.annotation) for inner in models(found))]


YOUNGER = {Tsv: {"header", "where"}, Csv: {"header", "where", "delimiter"}, Lines: {"rows"}}
"""{a section that people's files have: what it could not say once; those files mean what they meant}"""


def test_nothing_has_a_default() -> None:
    found = models(Pipeline)
    assert {Table, OwnCorpus, Labels, TaggerParams, LanguageModelParams, OwnHead, Sample, Machine} <= set(found)
    for section in found:
        free = {name for name, field in section.model_fields.items() if not field.is_required()}
        assert free == YOUNGER.get(section, set()), section


def test_a_section_is_frozen() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        recipes.make().train.updates = 3


@pytest.mark.parametrize("path", ["", "/a", "../a", "a/../b", "a/..", "a\\b"])
def test_a_path_out_of_its_folder_is_refused(path: str) -> None:
    with pytest.raises(ValidationError, match="must be a path inside the folder"):
        TypeAdapter(RelativePath).validate_python(path)


@pytest.mark.parametrize("path", ["./a", "a/./b", "a//b", "a/", "a\0b", "a\nb", "a\x1bb", "\u202ea", "\udc80"])
def test_a_path_that_is_not_plain_is_refused(path: str) -> None:
    with pytest.raises(ValidationError, match="must be a plain path"):
        TypeAdapter(RelativePath).validate_python(path)


@pytest.mark.parametrize("path", ["a" * 256, "ñ" * 128, "a/" * 500 + "a"])
def test_a_path_that_no_file_system_takes_is_refused(path: str) -> None:
    with pytest.raises(ValidationError, match="is too long"):
        TypeAdapter(RelativePath).validate_python(path)


@pytest.mark.parametrize("path", ["a" * 255, "a", "a/b.tsv", "..a", "a..b/c", "a b"])
def test_a_path_inside_its_folder_is_taken_as_it_is(path: str) -> None:
    assert TypeAdapter(RelativePath).validate_python(path) == path


@pytest.mark.parametrize("name", ["", "A", "1a", "a-b", "a b", "a.b"])
def test_a_name_is_one_small_word(name: str) -> None:
    with pytest.raises(ValidationError, match="pattern"):
        TypeAdapter(Name).validate_python(name)


@pytest.mark.parametrize("digest", ["", "a" * 63, "A" * 64, "g" * 64, "a" * 65])
def test_a_digest_is_64_small_digits(digest: str) -> None:
    with pytest.raises(ValidationError, match="pattern"):
        TypeAdapter(Digest).validate_python(digest)
