from __future__ import annotations

from pathlib import Path

import pytest

from tests.tracked import silent_server
from unroll import ui
from unroll.errors import ResourceError


def test_a_taken_port_is_one_line(home: Path) -> None:
    with silent_server() as server, pytest.raises(ResourceError, match="is taken"):
        ui.serve(server.getsockname()[1])
