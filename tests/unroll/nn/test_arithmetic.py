"""What is settled before the first product."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import torch

from unroll.nn import arithmetic


@pytest.mark.parametrize("before", [None, "COMPATIBLE"])
def test_sums_run_in_one_order_unless_somebody_has_said_otherwise(
    before: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MKL_CBWR", raising=False)
    if before:
        monkeypatch.setenv("MKL_CBWR", before)
    arithmetic.settle(None)
    assert os.environ["MKL_CBWR"] == (before or "AUTO")


def test_threads_are_set_where_a_number_is_given() -> None:
    threads = torch.get_num_threads()
    try:
        arithmetic.settle(2)
        assert torch.get_num_threads() == 2
        arithmetic.settle(None)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)


def test_it_is_settled_before_torch_is_there() -> None:
    code = (
        "import sys; from unroll.nn import arithmetic; assert 'torch' not in sys.modules; "
        "import os; os.environ.pop('MKL_CBWR', None); arithmetic.settle(1); print(os.environ['MKL_CBWR'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "AUTO"


def test_what_else_orders_sums_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*arithmetic.ORDERS, *arithmetic.OTHERS):
        monkeypatch.delenv(name, raising=False)
    arithmetic.settle(None)
    assert arithmetic.preset() == {}
    monkeypatch.setenv("MKL_CBWR", "COMPATIBLE")
    monkeypatch.setenv("ATEN_CPU_CAPABILITY", "default")
    assert arithmetic.preset() == {"MKL_CBWR": "COMPATIBLE", "ATEN_CPU_CAPABILITY": "default"}
