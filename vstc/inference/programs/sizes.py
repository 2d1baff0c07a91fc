"""Which sizes a program takes: fixed ones, or formulas of one symbol, such as ``8*s0 + 1``.

The formulas are read as syntax and never evaluated.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_LONGEST_FORMULA = 300
# torch takes 0 and 1 for special cases when it exports, and writes 2 where a size has no bound.
_NO_BOUND = 2


@dataclass(frozen=True)
class Length:
    """The lengths ``step * k + offset`` of one dimension.

    Attributes:
        step: 0 for a fixed length.
        offset: The fixed length, or what is added.
        first: Smallest k.
        last: Largest k; None without a bound.
        symbol: What k is called in the program; dimensions that share it are tied together.
    """

    step: int
    offset: int
    first: int = 1
    last: int | None = None
    symbol: str | None = None

    @property
    def is_fixed(self) -> bool:
        """Tell whether there is one length only."""
        return self.step == 0

    @property
    def is_any(self) -> bool:
        """Tell whether every length is taken."""
        return (self.step, self.offset, self.first, self.last) == (1, 0, 1, None)

    def fit(self, length: int) -> int:
        """Return the smallest length taken that is not below the one given, or the fixed one.

        Raises:
            ValueError: All that are taken are smaller.
        """
        if self.is_fixed:
            return self.offset
        k = max(self.first, -(-(length - self.offset) // self.step))
        if self.last is not None and k > self.last:
            raise ValueError(f"{length} is more than {self.step * self.last + self.offset}")
        return self.step * k + self.offset

    def __str__(self) -> str:
        """Return the lengths for people."""
        if self.is_fixed:
            return str(self.offset)
        if self.is_any:
            return "any"
        formula = "k" if self.step == 1 else f"{self.step} k"
        formula += f" + {self.offset}" if self.offset else ""
        return f"{formula}, k from {self.first}" + (f" to {self.last}" if self.last else " on")


def read_length(size: Mapping[str, Any], ranges: Mapping[str, Any]) -> Length:
    """Read one size of a tensor in a program.

    Args:
        size: Its JSON: ``as_int``, or ``as_expr`` with a formula.
        ranges: Bounds of the symbols.

    Raises:
        ValueError: A formula of another form, or of several symbols.
    """
    if "as_int" in size:
        return Length(0, int(size["as_int"]))
    text = str(size["as_expr"]["expr_str"])
    if len(text) > _LONGEST_FORMULA:
        raise ValueError("the formula of a size is too long")
    try:
        symbol, step, offset = _linear(ast.parse(text, mode="eval").body)
    except SyntaxError as error:
        raise ValueError(f"the formula of a size is not readable: {text}") from error
    if symbol is None or step < 1:
        raise ValueError(f"the formula of a size is not known: {text}")
    bounds = ranges.get(symbol) or {}
    first = int(bounds.get("min_val") or 1)
    last = bounds.get("max_val")
    return Length(
        step,
        offset,
        1 if first <= _NO_BOUND else first,
        None if last is None else int(last),
        symbol,
    )


_Linear = tuple[str | None, int, int]


def _linear(node: ast.expr) -> _Linear:
    """Return (symbol, factor, addend) of a formula, as text or as sympy spells it out."""
    match node:
        case ast.Constant(value=int(value)):
            return None, 0, value
        case ast.Name(id=name):
            return name, 1, 0
        case ast.Call(func=ast.Name(id="Symbol"), args=[ast.Constant(value=str(name))]):
            return name, 1, 0
        case ast.Call(func=ast.Name(id="Integer"), args=[ast.Constant(value=int(value))]):
            return None, 0, value
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return _product((None, 0, -1), _linear(operand))
        case ast.Call(func=ast.Name(id="Add"), args=[first, *rest]):
            return _folded(_sum, first, rest)
        case ast.Call(func=ast.Name(id="Mul"), args=[first, *rest]):
            return _folded(_product, first, rest)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return _sum(_linear(left), _linear(right))
        case ast.BinOp(left=left, op=ast.Sub(), right=right):
            return _sum(_linear(left), _product((None, 0, -1), _linear(right)))
        case ast.BinOp(left=left, op=ast.Mult(), right=right):
            return _product(_linear(left), _linear(right))
    raise ValueError(f"the formula of a size is not known: {ast.unparse(node)}")


def _folded(combine: Any, first: ast.expr, rest: list[ast.expr]) -> _Linear:
    result = _linear(first)
    for node in rest:
        result = combine(result, _linear(node))
    return result


def _sum(left: _Linear, right: _Linear) -> _Linear:
    if left[0] is not None and right[0] is not None and left[0] != right[0]:
        raise ValueError("a size depends on several symbols")
    return left[0] or right[0], left[1] + right[1], left[2] + right[2]


def _product(left: _Linear, right: _Linear) -> _Linear:
    if left[1] and right[1]:
        raise ValueError("a size is not linear in its symbol")
    symbol = left[0] or right[0]
    return symbol, left[1] * right[2] + left[2] * right[1], left[2] * right[2]
