"""Exported programs of strangers: no code of theirs runs, whatever the file holds."""

from __future__ import annotations

import json
import pickle
import random
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from tests.inference.programs.made_programs import (
    Coarse,
    member,
    rewrite,
    save,
    save_coarse,
)
from vstc.errors import InputError
from vstc.inference.programs import operators
from vstc.inference.programs.archive import read_archive
from vstc.inference.programs.graph import ProgramGraph
from vstc.inference.programs.operators import find_operation
from vstc.inference.programs.reading import load_program

pytestmark = pytest.mark.usefixtures("one_thread")
WEIGHTS, CONSTANTS = "data/weights/model_weights_config.json", "model_constants_config.json"


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_coarse(tmp_path_factory.mktemp("good") / "net.pt2")


class Trap:
    """A pickle that would leave a file behind if its code ran."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.marker,))


def refusal(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        load_program(path)
    return caught.value.message


def with_target(good: Path, path: Path, target: str, **arguments: Any) -> Path:
    """Let the first node call something else."""

    def edit(program: dict[str, Any]) -> None:
        node = program["graph_module"]["graph"]["nodes"][0]
        node["target"] = target
        if arguments:
            node["inputs"] = [{"name": k, "arg": v, "kind": 1} for k, v in arguments.items()]

    return rewrite(good, path, edit=edit)


def test_a_pickle_in_place_of_a_weight_is_refused_and_not_run(good: Path, tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    table = json.loads(member(good, WEIGHTS))
    entry = table["config"]["enter.weight"]
    entry["use_pickle"] = True
    bad = rewrite(
        good,
        tmp_path / "bad.pt2",
        members={
            WEIGHTS: json.dumps(table).encode(),
            f"data/weights/{entry['path_name']}": pickle.dumps(Trap(marker)),
        },
    )
    assert "enter.weight is a pickle, which could run code" in refusal(bad)
    assert not marker.exists()


@pytest.mark.parametrize("prefix", ["custom_obj_0", "opaque_obj_0", "tensor_0"])
def test_a_pickled_constant_is_refused_and_not_run(good: Path, tmp_path: Path, prefix: str) -> None:
    marker = tmp_path / "marker"
    table = {"x": {"path_name": prefix, "use_pickle": True, "is_param": False, "tensor_meta": None}}
    bad = rewrite(
        good,
        tmp_path / "bad.pt2",
        members={
            f"data/constants/{CONSTANTS}": json.dumps({"config": table}).encode(),
            f"data/constants/{prefix}": pickle.dumps(Trap(marker)),
        },
    )
    assert "constants x is a pickle" in refusal(bad)
    assert not marker.exists()


def test_pickled_sample_inputs_are_never_opened(good: Path, tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    bad = rewrite(
        good,
        tmp_path / "bad.pt2",
        members={"data/sample_inputs/model.pt": pickle.dumps(Trap(marker))},
    )
    images = torch.rand(1, 3, 12, 14)
    expected = ProgramGraph(read_archive(good))(images)
    assert torch.equal(ProgramGraph(read_archive(bad))(images), expected)
    assert not marker.exists()


@pytest.mark.parametrize("folder", ["weights", "constants"])
def test_weights_pickled_as_older_versions_did_are_refused(
    good: Path, tmp_path: Path, folder: str
) -> None:
    bad = rewrite(good, tmp_path / "bad.pt2", members={f"data/{folder}/model.pt": b"pickle"})
    assert f"its {folder} are pickled" in refusal(bad)


@pytest.mark.parametrize(
    "name", ["data/aotinductor/model/x.json", "data/aotinductor/m/a.so", "extra/x.so", "x.cubin"]
)
def test_compiled_code_is_refused(good: Path, tmp_path: Path, name: str) -> None:
    bad = rewrite(good, tmp_path / "bad.pt2", members={name: b"\x7fELF"})
    assert f"it holds compiled code, {name}" in refusal(bad)


def test_code_in_the_formula_of_a_size_is_not_evaluated(good: Path, tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    code = f"__import__('pathlib').Path({str(marker)!r}).touch()"

    def edit(program: dict[str, Any]) -> None:
        for meta in program["graph_module"]["graph"]["tensor_values"].values():
            for size in meta["sizes"]:
                if "as_expr" in size:
                    size["as_expr"]["expr_str"] = code
        program["guards_code"] = [code]
        program["range_constraints"] = {code: {"min_val": 2, "max_val": None}}

    bad = rewrite(good, tmp_path / "bad.pt2", edit=edit)
    assert "formula of a size" in refusal(bad)
    assert not marker.exists()


def test_guards_and_traces_of_a_program_are_not_evaluated(good: Path, tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    code = f"__import__('pathlib').Path({str(marker)!r}).touch()"

    def edit(program: dict[str, Any]) -> None:
        program["guards_code"] = [code]
        for node in program["graph_module"]["graph"]["nodes"]:
            node["metadata"] = {"stack_trace": code, "source_fn_stack": code, "torch_fn": code}

    load_program(rewrite(good, tmp_path / "bad.pt2", edit=edit)).model(torch.rand(1, 3, 8, 8))
    assert not marker.exists()


@pytest.mark.parametrize(
    "target",
    [
        "torch.load",
        "torch.hub.load",
        "torch.ops.load_library",
        "torch.utils.cpp_extension.load_inline",
        "torch.serialization.os.system",
        "torch._C._pickle_load_obj",
        "_operator.attrgetter",
        "_operator.methodcaller",
        "math.__loader__.load_module",
        "torch.ops.aten.save.default",
        "torch.ops.aten.from_file.default",
        "torch.ops.aten.as_strided.default",
        "torch.ops.aten.warn.default",
        "torch.ops.aten.conv2d.default.__class__",
        "torch.ops.aten.__class__.default",
        "torch.ops.aten.add.out",
        "torch.ops.aten.div.out_mode",
        "torch.ops.quantized.linear.default",
        "torch.ops.higher_order.cond",
        "builtins.eval",
        "#something:else",
    ],
)
def test_what_is_not_on_the_list_of_operators_is_refused(
    good: Path, tmp_path: Path, target: str
) -> None:
    text = {"as_string": str(tmp_path / "marker")}
    bad = with_target(good, tmp_path / "bad.pt2", target, self=text)
    assert f"it uses the operator {target}" in refusal(bad)
    assert [path.name for path in tmp_path.iterdir()] == ["bad.pt2"]


def test_no_operator_on_the_list_is_given_the_name_of_a_file() -> None:
    """All texts that they take are words of their own, or texts to compare and to split."""
    words = {"rounding_mode", "equation", "approximate", "indexing", "mode", "padding"}
    texts = {"a", "b", "self", "el", "substr", "string", "separator"}
    names = set()
    for name in operators._ATEN:
        packet = getattr(torch.ops.aten, name)
        for overload in packet.overloads():
            if "out" in overload.split("_"):
                continue
            call: Any = find_operation(f"torch.ops.aten.{name}.{overload}")
            arguments = getattr(call, "_schema", None) and call._schema.arguments
            names |= {a.name for a in arguments or () if "str" in str(a.type).lower()}
    assert words <= names <= words | texts


ONES, FEW = torch.ones(8), torch.ones(2)
IMAGES, WORDS = torch.ones(1, 8, 4, 4), torch.ones(1, 1, 5, 8)


@pytest.mark.parametrize(
    ("name", "fitting", "faulty"),
    [
        (
            "_native_batch_norm_legit_no_training.default",
            [IMAGES, ONES, ONES, ONES, ONES, 0.1, 1e-5],
            [IMAGES, ONES, ONES, FEW, ONES, 0.1, 1e-5],
        ),
        (
            "scaled_dot_product_attention.default",
            [WORDS, WORDS, WORDS],
            [WORDS, WORDS, WORDS[:, :, :3]],
        ),
        (
            "grid_sampler.default",
            [IMAGES, torch.zeros(1, 2, 2, 2), 0, 0, False],
            [IMAGES, torch.zeros(1, 2, 2, 2), 7, 0, False],
        ),
    ],
)
def test_operators_that_trust_their_arguments_are_given_fitting_ones(
    name: str, fitting: list[Any], faulty: list[Any]
) -> None:
    """Torch reads beyond the tensors here and says nothing."""
    call: Any = find_operation(f"torch.ops.aten.{name}")
    plain, _, overload = name.partition(".")
    expected = getattr(getattr(torch.ops.aten, plain), overload)(*fitting)
    torch.testing.assert_close(call(*fitting), expected)
    assert call._schema.name == f"aten::{plain}"
    with pytest.raises(ValueError, match="is given|no such modes"):
        call(*faulty)


@pytest.mark.parametrize("name", ["gather", "index_select", "embedding", "index"])
def test_indices_beyond_a_tensor_are_refused(name: str) -> None:
    beyond = torch.tensor([99])
    arguments: list[Any] = {
        "gather": [ONES, 0, beyond],
        "index_select": [ONES, 0, beyond],
        "embedding": [IMAGES[0, 0], beyond],
        "index": [ONES, [beyond]],
    }[name]
    target = "_unsafe_index.Tensor" if name == "index" else f"{name}.default"
    call: Any = find_operation(f"torch.ops.aten.{target}")
    with pytest.raises((RuntimeError, IndexError), match="out of|OUT OF"):
        call(*arguments)


def test_a_tensor_that_reaches_beyond_its_bytes_is_refused(good: Path, tmp_path: Path) -> None:
    for change in ({"sizes": [{"as_int": 10**6}]}, {"storage_offset": {"as_int": 10**9}}):
        table = json.loads(member(good, WEIGHTS))
        table["config"]["enter.bias"]["tensor_meta"] |= change
        members = {WEIGHTS: json.dumps(table).encode()}
        assert "is damaged" in refusal(rewrite(good, tmp_path / "bad.pt2", members=members))
    table["config"]["enter.bias"]["tensor_meta"]["sizes"] = [{"as_int": -1}]
    members = {WEIGHTS: json.dumps(table).encode()}
    assert "-1 is no size" in refusal(rewrite(good, tmp_path / "bad.pt2", members=members))


def test_a_compressed_archive_is_refused_before_it_is_unpacked(good: Path, tmp_path: Path) -> None:
    bad = rewrite(good, tmp_path / "bad.pt2", compression=zipfile.ZIP_DEFLATED)
    assert "is compressed" in refusal(bad)


def test_a_program_of_another_schema_or_of_several_networks_is_refused(
    good: Path, tmp_path: Path
) -> None:
    def newer(program: dict[str, Any]) -> None:
        program["schema_version"]["major"] = 9

    path = tmp_path / "bad.pt2"
    assert "has version 9 of torch's export schema" in refusal(rewrite(good, path, edit=newer))
    graph = member(good, "models/model.json")
    assert "holds 2 programs" in refusal(rewrite(good, path, members={"models/b.json": graph}))
    assert "is no exported program" in refusal(rewrite(good, path, members={"archive_format": b""}))


def test_other_files_are_refused(good: Path, tmp_path: Path) -> None:
    assert "no such exported program" in refusal(tmp_path / "none.pt2")
    (tmp_path / "text.pt2").write_text("hello")
    assert "is damaged or is none" in refusal(tmp_path / "text.pt2")
    torch.save({"a": torch.zeros(2)}, tmp_path / "tensors.pt2")
    assert "is no exported program" in refusal(tmp_path / "tensors.pt2")
    torch.jit.save(torch.jit.trace(nn.ReLU(), torch.zeros(1)), str(tmp_path / "jit.pt2"))
    assert "exported program" in refusal(tmp_path / "jit.pt2")


def test_archives_of_older_versions_are_told_apart(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "old.pt2", "w") as archive:
        archive.writestr("serialized_state_dict.pt", b"pickle")
        archive.writestr("version", b"5.1")
    assert "is no exported program, or of torch before 2.8" in refusal(tmp_path / "old.pt2")


def test_damaged_files_are_refused_with_one_clear_error(good: Path, tmp_path: Path) -> None:
    whole = bytearray(good.read_bytes())
    chooser = random.Random(1)
    path = tmp_path / "bad.pt2"
    for _ in range(20):
        path.write_bytes(whole[: chooser.randrange(len(whole))])
        assert "exported program" in refusal(path)


def test_any_change_of_the_graph_runs_or_is_one_clear_error(good: Path, tmp_path: Path) -> None:
    """Changed at random places: no traceback and nothing but tensors, whatever comes."""
    graph = bytearray(member(good, "models/model.json"))
    chooser = random.Random(2)
    outcomes = set()
    for _ in range(60):
        changed = bytearray(graph)
        for _ in range(3):
            changed[chooser.randrange(len(changed))] = chooser.choice(b'0123456789"{}[],:ae')
        path = rewrite(good, tmp_path / "bad.pt2", members={"models/model.json": bytes(changed)})
        try:
            load_program(path).model(torch.rand(1, 3, 8, 10))
            outcomes.add("runs")
        except InputError:
            outcomes.add("refused")
    assert outcomes == {"runs", "refused"}


def test_deep_nesting_is_refused(good: Path, tmp_path: Path) -> None:
    deep = b"[" * 100_000 + b"]" * 100_000
    bad = rewrite(good, tmp_path / "bad.pt2", members={"models/model.json": deep})
    assert "exported program" in refusal(bad)


def test_a_program_in_training_mode_is_refused(tmp_path: Path) -> None:
    path = save(Coarse().train(), tmp_path / "net.pt2", torch.rand(2, 3, 12, 12))
    with pytest.raises(InputError) as caught:
        load_program(path)
    assert "model.eval()" in str(caught.value.hint)
