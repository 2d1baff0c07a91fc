"""Sizes of programs: formulas are read, never evaluated."""

from __future__ import annotations

from typing import Any

import pytest

from vstc.inference.programs.sizes import Length, read_length


def of(text: str, **bounds: Any) -> Length:
    ranges = {"s0": {"min_val": 2, "max_val": None} | bounds}
    return read_length({"as_expr": {"expr_str": text}}, ranges)


@pytest.mark.parametrize(
    "text",
    [
        "8*s0 + 1",
        "1 + s0 * 8",
        "4*(2*s0) - -1",
        "Add(Mul(Integer(8), Symbol('s0', positive=True, integer=True)), Integer(1))",
        "Mul(Integer(4), Symbol('s0'), Integer(2)) + 1",
    ],
)
def test_a_formula_is_read_as_text_and_as_sympy_spells_it_out(text: str) -> None:
    length = of(text)
    assert (length.step, length.offset, length.symbol) == (8, 1, "s0")
    assert [length.fit(side) for side in (1, 9, 10, 17, 18)] == [9, 9, 17, 17, 25]


def test_bounds_are_kept_but_for_the_one_that_torch_always_writes() -> None:
    assert of("s0").is_any
    assert of("s0", min_val=2).fit(1) == 1
    bounded = of("s0", min_val=5, max_val=7)
    assert [bounded.fit(side) for side in (1, 5, 7)] == [5, 5, 7]
    with pytest.raises(ValueError, match="8 is more than 7"):
        bounded.fit(8)


def test_a_fixed_length_is_itself() -> None:
    fixed = read_length({"as_int": 40}, {})
    assert (fixed.is_fixed, fixed.fit(3), fixed.fit(300)) == (True, 40, 40)


@pytest.mark.parametrize(
    "text",
    [
        "s0*s0",
        "s0 + s1",
        "s0//2",
        "Max(1, s0)",
        "7",
        "-s0",
        "s0 +",
        "True",
        "s0.real",
        "(lambda: 3)()",
        "__import__('os').system('true')",
        "Symbol(__import__('os'))",
        "s0" + " + 1" * 100,
    ],
)
def test_other_formulas_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="size"):
        of(text)


@pytest.mark.parametrize(
    ("length", "text"),
    [
        (Length(0, 40), "40"),
        (Length(1, 0), "any"),
        (Length(8, 1), "8 k + 1, k from 1 on"),
        (Length(1, 0, 5, 7), "k, k from 5 to 7"),
    ],
)
def test_lengths_are_told_to_people(length: Length, text: str) -> None:
    assert str(length) == text
