"""All that is hostile, by its name."""

from __future__ import annotations

from tests.faults.hostile.corpora import CORPORA
from tests.faults.hostile.fetched import FETCHED
from tests.faults.hostile.models import MODELS
from tests.faults.hostile.parameters import PARAMETERS
from tests.faults.hostile.running import Case
from tests.faults.hostile.typed import TYPED

GROUPS = {"model": MODELS, "parameters": PARAMETERS, "fetched": FETCHED, "corpus": CORPORA, "typed": TYPED}
CASES: dict[str, Case] = {f"{group}: {name}": case for group, cases in GROUPS.items() for name, case in cases.items()}
