import argparse
import json
import random
import struct

import pytest
import torch

from tests.models.foreign_weights import write_safetensors
from vstc.errors import InputError
from vstc.models.tensor_file import read_tensors

TENSORS = {
    "a": torch.arange(12, dtype=torch.float32).reshape(3, 4),
    "b": torch.tensor(7),
    "c": torch.tensor([1.5, -2.0], dtype=torch.bfloat16),
    "d": torch.tensor([0.5], dtype=torch.float16),
    "e": torch.tensor([True, False, True]),
    "f": torch.zeros(0, 3),
}


def assert_same(found, expected):
    assert list(found) == list(expected)
    for name, value in expected.items():
        assert found[name].dtype == value.dtype
        assert torch.equal(found[name], value)


@pytest.mark.parametrize("is_zip", [True, False])
def test_both_pytorch_formats_are_read(tmp_path, is_zip):
    torch.save(TENSORS, tmp_path / "x.pth", _use_new_zipfile_serialization=is_zip)
    assert_same(read_tensors(tmp_path / "x.pth"), TENSORS)


def test_safetensors_are_read(tmp_path):
    write_safetensors(tmp_path / "x.safetensors", TENSORS, metadata={"format": "pt"})
    assert_same(read_tensors(tmp_path / "x.safetensors"), TENSORS)


def test_wrappers_and_prefixes_are_taken_off(tmp_path):
    table = {f"module._orig_mod.{name}": value for name, value in TENSORS.items()}
    torch.save({"net": {"state_dict": table}, "epoch": 1}, tmp_path / "x.pth")
    assert_same(read_tensors(tmp_path / "x.pth"), TENSORS)


def test_a_python_object_is_refused_by_name(tmp_path):
    torch.save({"state_dict": TENSORS, "args": argparse.Namespace(lr=1)}, tmp_path / "x.pth")
    with pytest.raises(InputError, match="holds a Python object .argparse.Namespace.") as caught:
        read_tensors(tmp_path / "x.pth")
    assert caught.value.exit_code == 3
    assert "weights_only=False" in caught.value.hint


@pytest.mark.parametrize("content", [{"epoch": 3}, [torch.zeros(3)], {"model": 4}, {}])
def test_a_file_without_named_tensors_is_refused(tmp_path, content):
    torch.save(content, tmp_path / "x.pth")
    with pytest.raises(InputError, match="no named tensors"):
        read_tensors(tmp_path / "x.pth")


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(InputError, match="no such weights file"):
        read_tensors(tmp_path / "x.pth")
    with pytest.raises(InputError, match="no such weights file"):
        read_tensors(tmp_path)


@pytest.mark.parametrize("kind", ["zip", "legacy", "safetensors"])
def test_a_cut_file_is_refused_wherever_it_is_cut(tmp_path, kind):
    whole = tmp_path / "whole"
    if kind == "safetensors":
        write_safetensors(whole, {"a": TENSORS["a"], "b": TENSORS["b"]})
    else:
        torch.save({"a": TENSORS["a"]}, whole, _use_new_zipfile_serialization=kind == "zip")
    content = whole.read_bytes()
    cut = tmp_path / f"cut.{'safetensors' if kind == 'safetensors' else 'pth'}"
    for length in random.Random(0).sample(range(len(content)), 60):
        cut.write_bytes(content[:length])
        # A name of a class that is cut reads as the name of an unknown class: another message.
        with pytest.raises(InputError, match="cannot read|holds a Python object"):
            read_tensors(cut)


def with_header(path, header, data=b"\0" * 16):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        (b"not json", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        ([1, 2], "not a JSON object"),
        ({"a": 3}, "incomplete"),
        ({"a": {"dtype": "F32", "shape": [2]}}, "incomplete"),
        ({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0]}}, "incomplete"),
        ({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 4]}}, "does not agree"),
        ({"a": {"dtype": "F32", "shape": [-2], "data_offsets": [8, 0]}}, "does not agree"),
        ({"a": {"dtype": "F32", "shape": ["2"], "data_offsets": [0, 8]}}, "does not agree"),
        ({"a": {"dtype": "F32", "shape": [2], "data_offsets": [12, 20]}}, "ends at byte 20 of 16"),
        ({"a": {"dtype": "F4", "shape": [2], "data_offsets": [0, 1]}}, "type F4"),
    ],
)
def test_a_wrong_safetensors_header_is_refused(tmp_path, header, reason):
    with_header(tmp_path / "x.safetensors", header)
    with pytest.raises(InputError, match=reason):
        read_tensors(tmp_path / "x.safetensors")
