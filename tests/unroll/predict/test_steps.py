"""The steps of answers, against one step after another, against closed forms, and against the scores of the search."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.asked import HEADS, ODD, beam, ending, ids_of, sampled, sources, untrained
from unroll.data.ids import EOS, GO
from unroll.data.typed import Normalizer
from unroll.params.evaluate import Sample
from unroll.params.tokenize import Typed
from unroll.predict import steps
from unroll.predict.predictor import Predictor
from unroll.predict.steps import Stepped, Stepper


def stepped(
    predictor: Predictor, texts: list[str], n_best: int = 1, alternatives: int = 0, **how: Any
) -> list[list[Stepped]]:
    search = predictor.search.model_copy(update=how)
    return list(Stepper(predictor, alternatives).stream(texts, n_best, search))


@torch.no_grad()
def by_hand(predictor: Predictor, source: str, said: list[int]) -> list[torch.Tensor]:
    """What a decoder might say at each step of an answer, one step after another."""
    memory, _ = predictor.memory(predictor.source.encode([source]))
    state, found = predictor.model.initial(memory), []
    for before in [GO, *said]:
        logits, state = predictor.model.step(torch.tensor([before]), state)
        found.append(logits[0].softmax(0))
    return found


@pytest.mark.parametrize("looks", [steps.LOOKS, 8])  # in one pass; long answers step by step, a few in a pass
def test_each_step_is_what_the_decoder_says_step_by_step(
    predictor: Predictor, monkeypatch: pytest.MonkeyPatch, looks: int
) -> None:
    monkeypatch.setattr(steps, "LOOKS", looks)
    texts = ["I drink milk", "tea", "", "it wine"]
    for text, found in zip(texts, stepped(predictor, texts, 3, alternatives=4, beam=3), strict=True):
        for one in found:
            assert [step.token for step in one.steps] == [*one.target_tokens, "<eos>"]
            ids = ids_of(predictor, one)
            for step, likely, said in zip(one.steps, by_hand(predictor, text, ids), [*ids, EOS], strict=True):
                assert step.probability == pytest.approx(float(likely[said]), rel=1e-4)
                best, places = likely.topk(4)
                assert [p for _, p in step.alternatives] == pytest.approx(best.tolist(), rel=1e-4)
                assert {token for token, _ in step.alternatives} == {
                    predictor.target.vocabulary[place] for place in places.tolist()
                }


def test_the_answers_are_those_of_the_predictor(predictor: Predictor) -> None:
    plain = predictor.predict(ODD, 3, beam(predictor, 3))
    for found, same in zip(stepped(predictor, ODD, 3, beam=3), plain, strict=True):
        assert [one.text for one in found] == [one.text for one in same]
        assert [one.score for one in found] == pytest.approx([one.score for one in same], abs=1e-5)


@pytest.mark.parametrize("penalty", [0.0, 0.6, 1.0])
def test_a_score_is_the_product_of_its_steps(predictor: Predictor, penalty: float) -> None:
    texts = ["I drink milk", "tea", "it"]
    found = [one for few in stepped(ending(predictor), texts, 3, beam=3, length_penalty=penalty) for one in few]
    assert len([one for one in found if not one.cut_off]) > 3
    for one in found:
        counted = one.steps[:-1] if one.cut_off else one.steps  # an end that did not come is not counted
        product = math.prod(step.probability for step in counted)
        assert product == pytest.approx(math.exp(one.score * max(len(counted), 1) ** penalty), rel=1e-4)


def test_a_greedy_answer_says_the_likeliest_token_at_each_step(predictor: Predictor) -> None:
    for (one,) in stepped(ending(predictor), ["I drink milk", "tea"], alternatives=1, beam=1):
        said = one.steps[:-1] if one.cut_off else one.steps
        assert all(step.alternatives == ((step.token, step.probability),) for step in said)


@pytest.mark.parametrize("section", HEADS)
def test_every_head_says_how_likely_its_steps_are(folder: Path, section: str) -> None:
    predictor, texts = untrained(folder, section), sources(section)
    size = len(predictor.target.vocabulary)
    how = sampled() if isinstance(predictor.search, Sample) else predictor.search
    found = list(Stepper(predictor, size).stream(texts, 1, how))
    ends = ["<eos>"] if section in ("name", "caption", "language") else []
    for (one,), (same,) in zip(found, predictor.stream(texts, 1, how), strict=True):
        assert (one.text, [step.token for step in one.steps]) == (same.text, [*same.target_tokens, *ends])
        for step in one.steps:
            assert math.fsum(p for _, p in step.alternatives) == pytest.approx(1, abs=1e-9)
            assert dict(step.alternatives)[step.token] == step.probability
        counted = one.steps[:-1] if ends and one.cut_off else one.steps
        logs = [math.log(step.probability) for step in counted]
        mean = math.fsum(logs) / max(len(logs), 1)
        assert one.score == pytest.approx(mean, abs=1e-4)


def test_two_words_that_are_as_likely_have_a_half_each(folder: Path) -> None:
    predictor = untrained(folder, "letter")
    with torch.no_grad():
        for parameter in predictor.model.head.logits.parameters():
            parameter.zero_()
    ((one,),) = Stepper(predictor, 9).stream(["a"])
    labels = len(predictor.target.vocabulary) - predictor.target.special
    assert one.steps[0].probability == 1 / labels
    assert {p for _, p in one.steps[0].alternatives} == {1 / labels}
    assert len(one.steps[0].alternatives) == labels


def test_of_several_sentences_each_has_its_steps_and_its_end(predictor: Predictor) -> None:
    words = Normalizer(Typed(sentences="en", case=False, copied=True), ["I", "drink", "milk", "tea"])
    readers = {"source": predictor.source, "target": predictor.target}
    typed = Predictor(predictor.model, readers, predictor.recipe, normalizer=words)
    text = "<b>I drink milk</b>. I drink 17 tea! 3."
    (found,) = stepped(typed, [text], 2, beam=2)
    assert [one.text for one in found] == [one.text for one in typed.predict([text], 2, beam(typed, 2))[0]]
    for one in found:
        tokens = [step.token for step in one.steps]
        assert tokens.count("<eos>") == 2
        assert [token for token in tokens if token != "<eos>"] == one.target_tokens
    ((alone,),) = stepped(typed, ["I drink milk"], 1, beam=2)
    first = found[0].steps[: len(alone.steps)]
    assert [step.token for step in first] == [step.token for step in alone.steps]
    assert [step.probability for step in first] == pytest.approx([step.probability for step in alone.steps], rel=1e-4)
    assert stepped(typed, ["", "<b>"])[1][0].steps == ()
