"""Merging of settings: flag before --set before config file before base before default."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from vstc.config import Settings, read_config, resolve
from vstc.errors import ConfigError


class Loss(Settings):
    tl: float = Field(0.1, ge=0)
    form: Literal["kl", "l2"] = "kl"


class Train(Settings):
    seed: int = 0
    name: str = "run"
    steps: int | None = None
    scales: tuple[float, ...] = (1.0,)
    loss: Loss = Loss()


SEEDS = st.none() | st.integers(0, 1_000_000)


@given(base=SEEDS, file=SEEDS, sets=SEEDS, flag=SEEDS)
def test_the_strongest_source_wins(
    base: int | None,
    file: int | None,
    sets: int | None,
    flag: int | None,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    config = tmp_path_factory.getbasetemp() / "merge.toml"
    config.write_text("" if file is None else f"seed = {file}\n")
    settings = resolve(
        Train,
        config_file=config,
        sets=[] if sets is None else [f"seed={sets}"],
        flags={"seed": flag},
        base={} if base is None else {"seed": base},
    )
    given_values = [value for value in (flag, sets, file, base) if value is not None]
    assert settings.seed == (given_values[0] if given_values else 0)


def test_sources_merge_key_by_key_also_inside_tables(tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text('name = "file"\n[loss]\ntl = 0.5\n')
    settings = resolve(
        Train,
        config_file=tmp_path / "c.toml",
        sets=["loss.form=l2"],
        flags={"seed": 4, "loss.tl": None},
        base={"steps": 7, "loss": {"tl": 0.9, "form": "kl"}},
    )
    assert settings == Train(seed=4, name="file", steps=7, loss=Loss(tl=0.5, form="l2"))


@pytest.mark.parametrize(
    ("text", "key", "value"),
    [
        ("seed=3", "seed", 3),
        (" seed = 3 ", "seed", 3),
        ("loss.tl=1e-3", "loss.tl", 0.001),
        ("name=plain", "name", "plain"),
        ('name="quoted"', "name", "quoted"),
        ("name=a=b", "name", "a=b"),
        ("name=", "name", ""),
        ("name=2020-01-31", "name", "2020-01-31"),
        ("name=07:32:00", "name", "07:32:00"),
        ("scales=[0.75, 1.0]", "scales", (0.75, 1.0)),
    ],
)
def test_set_takes_toml_values_or_bare_text(text: str, key: str, value: Any) -> None:
    found: Any = resolve(Train, sets=[text])
    for part in key.split("."):
        found = getattr(found, part)
    assert found == value


@given(st.from_regex(r"[a-z_][a-zA-Z0-9_./ -]{0,20}", fullmatch=True))
def test_a_word_needs_no_quotes(text: str) -> None:
    if text.strip() not in {"true", "false", "inf", "nan"}:
        assert resolve(Train, sets=[f"name={text}"]).name == text.strip()


@given(text=st.text(max_size=20))
def test_no_text_crashes_the_parser(text: str) -> None:
    with contextlib.suppress(ConfigError):
        assert isinstance(resolve(Train, sets=[text, f"name={text}"]), Train)


@given(
    values=st.fixed_dictionaries(
        {
            "seed": st.integers(0, 10**6),
            "name": st.text(max_size=10),
            "steps": st.none() | st.integers(1),
            "loss": st.builds(Loss, tl=st.floats(0, 1e6)),
        }
    )
)
def test_config_of_a_manifest_replays_the_settings(
    values: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> None:
    settings = Train(**values)
    manifest = tmp_path_factory.getbasetemp() / "manifest.json"
    manifest.write_text(json.dumps({"kind": "vstc.x", "config": settings.as_json()}))
    assert resolve(Train, config_file=manifest) == settings


def test_settings_are_frozen_and_closed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Train().seed = 1  # type: ignore[misc]
    with pytest.raises(ValueError, match="Extra inputs"):
        Train(sede=1)  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("key", "nearest"), [("sede", "seed"), ("loss.tll", "loss.tl"), ("sclaes", "scales")]
)
def test_unknown_key_is_an_error_with_the_nearest_names_first(key: str, nearest: str) -> None:
    with pytest.raises(ConfigError, match=f"unknown setting: {key}") as caught:
        resolve(Train, sets=[f"{key}=1"])
    assert caught.value.hint is not None
    assert caught.value.hint.startswith(f"choose one of: {nearest},")


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("loss.tl=-1", "setting loss.tl = -1: Input should be greater than or equal to 0"),
        ("seed=many", "setting seed = 'many': Input should be a valid integer"),
        ("loss.form=huber", "setting loss.form = 'huber': Input should be 'kl' or 'l2'"),
        ("loss=3", "setting loss = 3: Input should be"),
    ],
)
def test_wrong_value_names_key_value_and_what_is_allowed(text: str, part: str) -> None:
    with pytest.raises(ConfigError) as caught:
        resolve(Train, sets=[text])
    assert caught.value.message.startswith(part)
    assert caught.value.hint is not None
    assert "--set" in caught.value.hint


def test_set_without_a_value_is_an_error() -> None:
    with pytest.raises(ConfigError, match="--set seed is not key=value"):
        resolve(Train, sets=["seed"])


def test_missing_config_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot read config .*: No such file"):
        read_config(tmp_path / "absent.toml")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("c.toml", b"seed = "),
        ("c.toml", b"\xff\xfe"),
        ("c.json", b"{"),
        ("c.json", b"{}"),
        ("c.json", b"[1]"),
        ("c.json", b'{"config": 3}'),
    ],
)
def test_broken_config_file_is_an_error_that_names_it(
    tmp_path: Path, name: str, content: bytes
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ConfigError, match=f"config .*{name} is not"):
        read_config(tmp_path / name)
