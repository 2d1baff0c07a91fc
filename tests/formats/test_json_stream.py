from __future__ import annotations

import json
import zipfile

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vstc.errors import InputError
from vstc.formats.objects import json_stream
from vstc.formats.objects.json_stream import JsonFile

numbers = st.integers(-(2**40), 2**40) | st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    st.none() | st.booleans() | numbers | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)


@pytest.fixture
def small_chunks(monkeypatch):
    """Every value is cut at some place by the end of a chunk."""
    monkeypatch.setattr(json_stream, "_CHUNK_BYTES", 3)


def put(folder, text):
    path = folder / "file.json"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def rebuilt(file):
    """Build the content of an object from its items."""
    whole = {}
    for item in file.items():
        assert item.key is not None
        if item.index is None:
            whole[item.key] = item.value
        else:
            whole.setdefault(item.key, []).append(item.value)
            assert len(whole[item.key]) == item.index + 1
            assert item.place == f"{item.key}[{item.index}]"
    return whole


@given(
    content=st.lists(values, max_size=6) | st.dictionaries(st.text(max_size=4), values, max_size=4),
    indent=st.sampled_from([None, 2]),
    is_ascii=st.booleans(),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
def test_items_are_those_of_a_whole_read_and_can_be_read_again(
    tmp_path, small_chunks, content, indent, is_ascii
):
    text = json.dumps(content, indent=indent, ensure_ascii=is_ascii)
    file = JsonFile(put(tmp_path, text.encode("utf-8", "surrogatepass")))
    assert file.is_list == isinstance(content, list)
    items = list(file.items())
    whole = [item.value for item in items] if file.is_list else rebuilt(file)
    assert whole == content
    assert all(file.read(item.start, item.end) == item.value for item in items)


def test_a_byte_order_mark_and_space_are_passed_over(tmp_path, small_chunks):
    file = JsonFile(put(tmp_path, b'\xef\xbb\xbf\n\t {"a" : 12345678 , "b":[ ]} \n'))
    assert rebuilt(file) == {"a": 12345678, "b": []}


@pytest.mark.parametrize(
    "text",
    ['{"a": 1', '{"a" 1}', "{a: 1}", '{"a": 1} 2', "[1, 2", "[1 2]", "[1, }", '["a]', "[1,]x"]
    + ['[{"a": 1}, {"b": nul}]', "[" + "[" * 100000, b'["\xff"]'],
)
def test_text_that_is_not_json_is_refused_with_its_place(tmp_path, small_chunks, text):
    with pytest.raises(InputError, match=r"file\.json is not valid JSON near byte \d+"):
        list(JsonFile(put(tmp_path, text)).items())


@pytest.mark.parametrize("text", ["", "  ", "12", '"text"', "null", "x"])
def test_another_value_is_refused(tmp_path, text):
    with pytest.raises(InputError, match="neither a JSON object nor a list"):
        JsonFile(put(tmp_path, text))


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(InputError, match="cannot read"):
        JsonFile(tmp_path / "none.json")
    with pytest.raises(InputError, match="cannot read"):
        JsonFile(tmp_path)


def test_a_zip_file_is_read_through(tmp_path):
    path = tmp_path / "submission.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("results.json", json.dumps([{"a": i} for i in range(1000)]))
    file = JsonFile(path)
    items = list(file.items())
    assert [item.value["a"] for item in items] == list(range(1000))
    assert file.read(items[700].start, items[700].end) == {"a": 700}


def test_a_broken_or_other_zip_file_is_refused(tmp_path):
    path = tmp_path / "submission.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a/results.json", "[]")
    with pytest.raises(InputError, match=r"holds no results\.json"):
        JsonFile(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("results.json", "[" + "1, " * 100 + "1]")
    content = bytearray(path.read_bytes())
    content[60] ^= 1
    path.write_bytes(content)
    with pytest.raises(InputError, match="cannot read"):
        JsonFile(path)
