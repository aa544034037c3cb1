"""Every module of the package can be imported by itself, and the examples in its docstrings do what they say."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import unroll

MODULES = ["unroll", *(module.name for module in pkgutil.walk_packages(unroll.__path__, "unroll."))]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_hold(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0
