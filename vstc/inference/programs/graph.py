"""The graph of a program: read from its JSON, checked as a whole, then run node by node."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn

from vstc.errors import InputError
from vstc.inference.programs.archive import MALFORMED, SCALAR_TYPES, ProgramArchive
from vstc.inference.programs.operators import Operation, find_operation, is_in_place

Json = Mapping[str, Any]
# Numbers of torch._export.serde.schema.MemoryFormat.
_MEMORY_FORMATS = {
    1: torch.contiguous_format,
    2: torch.channels_last,
    3: torch.channels_last_3d,
    4: torch.preserve_format,
}
_STRIDED = 7
_STATE = {
    "parameter": "parameter_name",
    "buffer": "buffer_name",
    "tensor_constant": "tensor_constant_name",
}
_TRAINING_FLAGS = {"training", "train"}


@dataclass(frozen=True)
class _Ref:
    """A value that an earlier node, an input or a weight gives."""

    name: str


@dataclass(frozen=True)
class _Device:
    """Wherever the program runs, whatever device it was exported on."""


@dataclass(frozen=True)
class _Node:
    """One operator call.

    Attributes:
        target: Its name, for messages.
        call: The operator.
        args: Positional arguments, with references in them.
        kwargs: Named arguments, with references in them.
        outputs: Name of each result; None for one that nothing names.
        is_single: The result is one value, not a sequence of them.
        last_uses: Values that no later node reads.
    """

    target: str
    call: Operation
    args: tuple[Any, ...]
    kwargs: Json
    outputs: tuple[str | None, ...]
    is_single: bool
    last_uses: tuple[str, ...] = ()

    @property
    def templates(self) -> list[Any]:
        """All arguments."""
        return [*self.args, *self.kwargs.values()]


class ProgramGraph(nn.Module):
    """A program from one tensor to tensors, as a module on any device.

    Args:
        archive: The file.

    Attributes:
        input_meta: What the file says of the input: ``dtype`` and ``sizes``.
        output_meta: What it says of the first output.
        ranges: Bounds of the sizes that may vary.

    Raises:
        InputError: An operator that is not known as harmless, more than one input, a program that
            changes its own weights, or that was exported in training mode.
    """

    def __init__(self, archive: ProgramArchive) -> None:
        super().__init__()
        try:
            module = archive.program["graph_module"]
            graph, signature = module["graph"], module["signature"]
            self._weights = self._keep_weights(archive, signature["input_specs"])
            self._input = _only_input(signature["input_specs"])
            self._outputs = _output_names(signature["output_specs"])
            self.input_meta: Json = graph["tensor_values"][self._input]
            self.output_meta: Json = graph["tensor_values"][self._outputs[0]]
            self.ranges: Json = archive.program.get("range_constraints") or {}
            self._nodes = _read_nodes(
                graph["nodes"], weights={*self._weights}, images=self._input, kept={*self._outputs}
            )
        except InputError as error:
            raise InputError(
                f"exported program {archive.path} is not loaded: {error.message}", hint=error.hint
            ) from error
        except MALFORMED as error:
            raise InputError(
                f"exported program {archive.path} is damaged: {type(error).__name__}: {error}"
            ) from error

    def _keep_weights(self, archive: ProgramArchive, specs: Sequence[Json]) -> dict[str, str]:
        """Register the tensors as buffers; return their names by those of the graph."""
        names: dict[str, str] = {}
        for spec in specs:
            ((kind, entry),) = spec.items()
            if kind in _STATE:
                buffer = f"tensor_{len(names)}"
                self.register_buffer(buffer, archive.tensors[entry[_STATE[kind]]])
                names[str(entry["arg"]["name"])] = buffer
        return names

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return the first output for the one input.

        Raises:
            InputError: A node does not fit what it is given: the program is faulty, or wants
                images of another size.
        """
        values: dict[str, Any] = {name: getattr(self, b) for name, b in self._weights.items()}
        values[self._input] = images
        for node in self._nodes:
            _run(node, values, images.device)
        output = values[self._outputs[0]]
        if not isinstance(output, torch.Tensor):
            raise InputError("the exported program returns no tensor")
        return output


def _run(node: _Node, values: dict[str, Any], device: torch.device) -> None:
    args: list[Any] = []
    try:
        args = [_filled(arg, values, device) for arg in node.args]
        kwargs = {name: _filled(arg, values, device) for name, arg in node.kwargs.items()}
        result = node.call(*args, **kwargs)
        if node.is_single:
            result = (result,)
        for name, value in zip(node.outputs, result, strict=bool(node.outputs)):
            if name is not None:
                values[name] = value
        for name in node.last_uses:
            del values[name]
    except (RuntimeError, ArithmeticError, *MALFORMED) as error:
        if "out of memory" in str(error).lower() or "not enough memory" in str(error).lower():
            raise
        shapes = [tuple(v.shape) for v in args if isinstance(v, torch.Tensor)]
        raise InputError(
            f"the exported program fails at {node.target} on {shapes}: "
            f"{str(error).partition(chr(10))[0]}",
            hint="it may want frames of another size or layout than it says",
        ) from error


def _filled(template: Any, values: Mapping[str, Any], device: torch.device) -> Any:
    if isinstance(template, _Ref):
        return values[template.name]
    if isinstance(template, _Device):
        return device
    if isinstance(template, list):
        return [_filled(entry, values, device) for entry in template]
    return template


def _only_input(specs: Sequence[Json]) -> str:
    inputs = [entry for spec in specs for kind, entry in spec.items() if kind == "user_input"]
    strange = {kind for spec in specs for kind in spec} - {*_STATE, "user_input", "constant_input"}
    if strange:
        raise InputError(f"it takes {sorted(strange)[0]}, which is no tensor")
    if len(inputs) != 1 or "as_tensor" not in inputs[0]["arg"]:
        raise InputError(
            f"it takes {len(inputs)} inputs, and the images alone can be given",
            hint="wrap the network so that forward(images) is all, and export that",
        )
    return str(inputs[0]["arg"]["as_tensor"]["name"])


def _output_names(specs: Sequence[Json]) -> list[str]:
    kinds = {kind for spec in specs for kind in spec}
    if kinds != {"user_output"}:
        other = sorted(kinds - {"user_output"}) or ["nothing"]
        raise InputError(
            f"its result is {other[0]}, not the class scores alone",
            hint="export the network in evaluation mode: model.eval()",
        )
    return [
        str(spec["user_output"]["arg"]["as_tensor"]["name"])
        for spec in specs
        if "as_tensor" in spec["user_output"]["arg"]
    ]


def _read_nodes(
    rows: Sequence[Json], *, weights: set[str], images: str, kept: set[str]
) -> list[_Node]:
    """Read all nodes; each frees the values that no later one reads.

    Args:
        rows: The nodes in the order in which they run.
        weights: Values that are there before and stay as they are.
        images: The input.
        kept: Values that are wanted at the end.
    """
    nodes = [node for row in rows if (node := _read_node(row)) is not None]
    known = {*weights, images}
    for node in nodes:
        _refuse_unknown(_names_in(node.templates), known)
        if is_in_place(node.target) and weights.intersection(_names_in(node.args[:1])):
            raise InputError(
                "it changes its own weights",
                hint="export the network in evaluation mode: model.eval()",
            )
        known.update(filter(None, node.outputs))
    _refuse_unknown(kept, known)
    needed_later = {*weights, *kept}
    finished = []
    for node in reversed(nodes):
        names = [*_names_in(node.templates), *filter(None, node.outputs)]
        last = tuple(dict.fromkeys(name for name in names if name not in needed_later))
        needed_later.update(last)
        finished.append(replace(node, last_uses=last))
    return finished[::-1]


def _refuse_unknown(names: Iterable[str], known: set[str]) -> None:
    for name in names:
        if name not in known:
            raise ValueError(f"{name[:80]} is read before it is made")


def _names_in(templates: Sequence[Any]) -> list[str]:
    names: list[str] = []
    for template in templates:
        if isinstance(template, _Ref):
            names.append(template.name)
        elif isinstance(template, list):
            names += _names_in(template)
    return names


def _read_node(row: Json) -> _Node | None:
    call = find_operation(str(row["target"]))
    if call is None:
        return None
    given = {str(entry["name"]): _argument(entry["arg"]) for entry in row["inputs"]}
    if any(given.get(flag) is True for flag in _TRAINING_FLAGS):
        raise InputError(
            "it was exported in training mode",
            hint="export the network in evaluation mode: model.eval()",
        )
    schema = getattr(call, "_schema", None)
    args, kwargs = list(given.values()), {}
    if schema is not None:
        args = []
        for position, parameter in enumerate(schema.arguments):
            is_next = not parameter.kwarg_only and len(args) == position
            if parameter.name in given and is_next:
                args.append(given.pop(parameter.name))
        kwargs = given
    outputs, is_single = _results(row["outputs"])
    return _Node(str(row["target"]), call, tuple(args), kwargs, outputs, is_single)


def _results(rows: Sequence[Json]) -> tuple[tuple[str | None, ...], bool]:
    if len(rows) == 1 and "as_tensors" in rows[0]:
        return tuple(str(entry["name"]) for entry in rows[0]["as_tensors"]), False
    return tuple(_result_name(row) for row in rows), len(rows) == 1


def _result_name(row: Json) -> str | None:
    ((kind, value),) = row.items()
    if kind == "as_none":
        return None
    if kind == "as_tensor":
        return str(value["name"])
    if kind in {"as_sym_int", "as_sym_float", "as_sym_bool"}:
        return str(value["as_name"])
    raise InputError(f"a node of it returns {kind[:40]}, which is not known")


def _argument(row: Json) -> Any:
    """Turn an argument into a plain value with references in it; nothing is evaluated."""
    ((kind, value),) = row.items()
    if kind == "as_none":
        return None
    if kind in {"as_tensor", "as_optional_tensor"}:
        inner = value.get("as_tensor", value)
        return None if "as_none" in inner else _Ref(str(inner["name"]))
    if kind in {"as_tensors", "as_optional_tensors"}:
        return [_argument({"as_optional_tensor": entry}) for entry in value]
    if kind in {"as_sym_int", "as_sym_float", "as_sym_bool"}:
        return _symbolic(value)
    if kind in {"as_sym_ints", "as_sym_floats", "as_sym_bools"}:
        return [_symbolic(entry) for entry in value]
    if kind in {"as_float", "as_floats"}:  # infinity stands there as text
        return [float(entry) for entry in value] if kind == "as_floats" else float(value)
    if kind in {"as_int", "as_bool", "as_string", "as_ints", "as_bools", "as_int_lists"}:
        return _plain(value)
    if kind == "as_scalar_type":
        return SCALAR_TYPES[value]
    if kind == "as_memory_format":
        return _MEMORY_FORMATS[value]
    if kind == "as_layout" and value == _STRIDED:
        return torch.strided
    if kind == "as_device":
        return _Device()
    raise InputError(f"an argument of it is {kind[:40]}, which is not known")


def _symbolic(value: Json) -> Any:
    ((kind, inner),) = value.items()
    return _Ref(str(inner)) if kind == "as_name" else _plain(inner)


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(entry) for entry in value]
    if isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"{type(value).__name__} is no plain value")
