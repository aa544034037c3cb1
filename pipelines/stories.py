"""Stories that are made up, with a question each: the corpus of pipelines/stories.yaml, after bAbI's tasks 1 to 3.

Four people walk about six rooms, take three things and leave them. A question needs as many facts of the story as
`prepare.corpus.facts` says:

    1    Mary went to the kitchen. ... Where is Mary?
    2    Mary got the milk. Mary went to the kitchen. ... Where is the milk?
    3    Mary got the milk. Mary went to the kitchen. Mary went to the garden. ... Where was the milk before the garden?

Weston et al. 2015, "Towards AI-Complete Question Answering: A Set of Prerequisite Toy Tasks", sections 3.1 and 3.2. The
worlds are theirs, the sentences and their order are drawn here.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from unroll.data.readers import READERS
from unroll.data.rows import Row

PEOPLE = ("Daniel", "John", "Mary", "Sandra")
ROOMS = ("bathroom", "bedroom", "garden", "hallway", "kitchen", "office")
THINGS = ("apple", "football", "milk")
GOES = ("went to", "moved to", "walked to", "travelled to")
TAKES = ("took", "got", "grabbed", "picked up")
LEAVES = ("left", "dropped", "put down", "discarded")
LENGTHS = (2, 12)
"""sentences of a story, at least and at most"""

Question = tuple[str, str]
"""the question and its answer"""


class World:
    """Who is where, who has what, and where each thing has been, one sentence after another."""

    def __init__(self, chance: np.random.Generator) -> None:
        self.chance = chance
        self.story: list[str] = []
        self.room: dict[str, str] = {}
        self.holder: dict[str, str] = {}
        self.rooms_of: dict[str, list[str]] = {}

    def go_on(self) -> None:
        """Add a sentence: somebody walks, takes what nobody holds and is at hand, or leaves what they hold."""
        who = self._one(PEOPLE)
        held = [thing for thing in THINGS if self.holder.get(thing) == who]
        at_hand = [thing for thing in THINGS if who in self.room and self._is_at_hand(thing, who)]
        does = self.chance.random()
        if held and does < 0.2:
            thing = self._one(held)
            del self.holder[thing]
            self.story.append(f"{who} {self._one(LEAVES)} the {thing}.")
        elif at_hand and does < 0.6:
            thing = self._one(at_hand)
            self.holder[thing] = who
            self._is_in(thing, self.room[who])
            self.story.append(f"{who} {self._one(TAKES)} the {thing}.")
        else:
            self.room[who] = self._one([room for room in ROOMS if room != self.room.get(who)])
            for thing in held:
                self._is_in(thing, self.room[who])
            self.story.append(f"{who} {self._one(GOES)} the {self.room[who]}.")

    def questions(self, facts: int) -> list[Question]:
        """Return what can be asked now that needs so many facts."""
        if facts == 1:
            return [(f"Where is {who}?", room) for who, room in self.room.items()]
        if facts == 2:
            return [(f"Where is the {thing}?", rooms[-1]) for thing, rooms in self.rooms_of.items()]
        return [
            (f"Where was the {thing} before the {rooms[-1]}?", rooms[-2])
            for thing, rooms in self.rooms_of.items()
            if rooms[-1:] != rooms[:1]
        ]

    def _is_at_hand(self, thing: str, who: str) -> bool:
        """Return whether somebody can take a thing: it lies in their room, or nobody has seen it yet."""
        return thing not in self.holder and self.rooms_of.get(thing, [self.room[who]])[-1] == self.room[who]

    def _is_in(self, thing: str, room: str) -> None:
        rooms = self.rooms_of.setdefault(thing, [])
        if rooms[-1:] != [room]:
            rooms.append(room)

    def _one(self, many: tuple[str, ...] | list[str]) -> str:
        return many[self.chance.integers(len(many))]


def story(facts: int, chance: np.random.Generator) -> Question:
    """Return a story with a question behind it, and the answer."""
    world = World(chance)
    wanted = int(chance.integers(LENGTHS[0], LENGTHS[1] + 1))
    while len(world.story) < wanted or not world.questions(facts):
        if len(world.story) == LENGTHS[1]:
            return story(facts, chance)
        world.go_on()
    asked = world.questions(facts)
    question, answer = asked[chance.integers(len(asked))]
    return " ".join([*world.story, question]), answer


def read(corpus: Any, _: Path) -> Iterator[Row]:
    """Yield `rows` stories, the same for a `seed`; each needs one of the numbers of `facts`."""
    chance = np.random.default_rng(corpus.seed)
    for number in range(corpus.rows):
        yield Row(*story(corpus.facts[number % len(corpus.facts)], chance), "")


READERS["stories"] = read
