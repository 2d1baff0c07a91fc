"""``vstc export``, and exported programs in the place of networks, end to end."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.inference.programs.made_programs import Coarse, rewrite, save, save_coarse
from tests.tiny_runs import write_run
from vstc.artifacts.manifest import read_manifest
from vstc.formats.images import encode_rgb
from vstc.inference.checkpoint import REFINER_SCHEMA, load_network, write_checkpoint
from vstc.inference.network_identity import NetworkIdentity
from vstc.inference.refiner_checkpoint import describe_refiner
from vstc.models.refiner_catalog import RefinerChoice, refiner_for

pytestmark = pytest.mark.usefixtures("one_thread")
QUIET = ["--device", "cpu", "-q"]
TRAINED_WITH = {"interval": 3, "mode": "evs", "refine": "every", "carry": "probabilities"}


@pytest.fixture(scope="module")
def trained(moving_dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("trained") / "run", moving_dataset, seed=7)


@pytest.fixture(scope="module")
def program(trained: Path, run_once: Any) -> Path:
    path = trained.parent / "net.pt2"
    run_once("export", trained, "-o", path, "-q")
    return path


@pytest.fixture(scope="module")
def run_once(app: Any) -> Any:
    from typer.testing import CliRunner

    def invoke(*arguments: object) -> None:
        done = CliRunner().invoke(app, [str(word) for word in arguments])
        assert done.exit_code == 0, done.output

    return invoke


@pytest.fixture(scope="module")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_coarse(tmp_path_factory.mktemp("foreign") / "theirs.pt2")


def digests(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*.png"))
    }


@pytest.mark.parametrize("command", ["predict", "propagate"])
def test_labels_of_a_program_are_those_of_its_checkpoint(
    moving_dataset: Path, trained: Path, program: Path, tmp_path: Path, run: Any, command: str
) -> None:
    for name, network in (("run", trained), ("program", program)):
        run(command, network, moving_dataset, "-o", tmp_path / name, "--split", "val", *QUIET)
    found = digests(tmp_path / "program")
    assert found == digests(tmp_path / "run")
    assert len(found) > 2
    manifest = read_manifest(tmp_path / "program", kind="vstc.predictions")
    assert manifest["inputs"][0]["role"] == "checkpoint"
    assert manifest["inputs"][0]["path"].endswith("net.pt2")


def test_a_program_can_be_evaluated(
    moving_dataset: Path, trained: Path, program: Path, tmp_path: Path, run: Any
) -> None:
    totals = [
        run(
            *("evaluate", network, "--dataset", moving_dataset, "-o", tmp_path / name),
            *("--split", "val", "--metrics", "miou", *QUIET, "--json"),
        ).json["totals"]
        for name, network in (("run", trained), ("program", program))
    ]
    assert totals[0] == totals[1]


def test_export_tells_what_it_wrote_and_info_what_it_is(
    trained: Path, program: Path, tmp_path: Path, run: Any
) -> None:
    told = run(
        *("export", trained / "best.pt", "-o", tmp_path / "a.pt2", "--size", "24x40", "-q"),
        "--json",
    ).json
    assert told["written"] is True
    assert told["check"]["largest_difference"] == 0
    assert told["check"]["same_labels"] == 1
    facts = run("info", program, "--json").json
    assert (facts["input"], facts["height"], facts["is_described"]) == ("uint8", "any", True)
    assert facts["source"]["model"] == "pspnet-tiny"
    assert facts["classes"] == told["classes"]
    assert "pspnet-tiny" in run("info", program).stdout


def test_a_file_that_is_there_is_kept_unless_it_may_be_overwritten(
    trained: Path, program: Path, tmp_path: Path, run: Any
) -> None:
    before = program.read_bytes()
    assert f"{program} exists" in run("export", trained, "-o", program, code=4).stderr
    assert run("export", trained, "-o", program, "--resume", "--json").json["written"] is False
    assert program.read_bytes() == before
    other = tmp_path / "other.pt2"
    other.write_bytes(save_coarse(tmp_path / "coarse.pt2").read_bytes())
    assert "of another network" in run("export", trained, "-o", other, "--resume", code=4).stderr
    small = ("export", trained, "-o", other, "--size", "24x40", "--json")
    told = run(*small, "--overwrite").json
    assert (told["written"], told["height"], told["width"]) == (True, "24", "40")
    assert run(*small, "--resume").json["written"] is False
    assert "of other settings" in run("export", trained, "-o", other, "--resume", code=4).stderr
    other.write_bytes(before[:1000])
    assert run(*small, "--resume").json["written"] is True
    assert sorted(path.name for path in tmp_path.iterdir()) == ["coarse.pt2", "other.pt2"]


def test_a_dry_run_writes_nothing(trained: Path, tmp_path: Path, run: Any) -> None:
    told = run("export", trained, "-o", tmp_path / "a.pt2", "--dry-run", "--json").json
    assert told["written"] is False
    assert told["calling"].startswith("one input")
    assert list(tmp_path.iterdir()) == []


def test_without_a_name_the_file_lies_beside_the_network(
    moving_dataset: Path, tmp_path: Path, run: Any
) -> None:
    network = write_run(tmp_path / "run", moving_dataset)
    told = run("export", network, "--dry-run", "--json").json
    assert told["output"] == str(tmp_path / "run.pt2")
    told = run("export", network / "best.pt", "--dry-run", "--json").json
    assert told["output"] == str(network / "best.pt2")


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["{trained}", "-o", "{tmp}/net.onnx"], 2, "does not end in .pt2"),
        (["{trained}", "-o", "{tmp}/a.pt2", "--size", "24"], 2, "is not HEIGHTxWIDTH"),
        (["{trained}", "-o", "{tmp}/a.pt2", "--set", "order=BGR"], 2, "knows its own"),
        (["{tmp}/none", "-o", "{tmp}/a.pt2"], 3, "none"),
        (["{program}", "-o", "{tmp}/a.pt2"], 2, "is exported already"),
        (["{program}", "--set", "order=BGR"], 4, "would overwrite what is read"),
        (["{foreign}", "-o", "{tmp}/a.pt2", "--size", "24x24", "--set", "order=BGR"], 2, "already"),
        (["{foreign}", "-o", "{tmp}/a.pt2", "--classes", "{tmp}/no.json"], 3, "cannot read class"),
    ],
)
def test_what_cannot_be_exported_is_one_clear_error(
    trained: Path,
    program: Path,
    foreign: Path,
    tmp_path: Path,
    run: Any,
    arguments: list[str],
    code: int,
    says: str,
) -> None:
    places = {"trained": trained, "program": program, "foreign": foreign, "tmp": tmp_path}
    done = run("export", *(word.format(**places) for word in arguments), code=code)
    assert done.stderr.startswith("error: ")
    assert says in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_programs_of_others_take_the_classes_of_the_data_set(
    moving_dataset: Path, foreign: Path, tmp_path: Path, run: Any
) -> None:
    run("predict", foreign, moving_dataset, "-o", tmp_path / "out", "--split", "val", *QUIET)
    judged = run(
        *("evaluate", tmp_path / "out", "--dataset", moving_dataset, "-o", tmp_path / "metrics"),
        *("--split", "val", "--metrics", "miou", "-q", "--json"),
    ).json
    assert judged["counts"]["labelled_frames"] > 0
    four = save(Coarse(classes=4).eval(), tmp_path / "four.pt2", torch.rand(1, 3, 16, 16))
    done = run("predict", four, moving_dataset, "-o", tmp_path / "no", *QUIET, code=3)
    assert "has 4 classes and data set moving 3" in done.stderr
    assert "vstc export" in done.stderr


def test_frames_without_a_class_table_get_made_up_names(
    foreign: Path, tmp_path: Path, run: Any
) -> None:
    (tmp_path / "frames").mkdir()
    for index in range(3):
        image = torch.full((24, 32, 3), 80 * index, dtype=torch.uint8).numpy()
        (tmp_path / f"frames/{index}.png").write_bytes(encode_rgb(image))
    run("propagate", foreign, tmp_path / "frames", "-o", tmp_path / "out", *QUIET)
    assert len(digests(tmp_path / "out")) == 3


def test_a_program_of_others_can_be_described_once(
    moving_dataset: Path, foreign: Path, tmp_path: Path, run: Any
) -> None:
    table = [
        {"id": 0, "name": "ground", "color": [1, 2, 3]},
        {"id": 1, "name": "thing", "color": [4, 5, 6]},
        {"id": 2, "name": "sky", "color": [7, 8, 9]},
        {"id": 255, "name": "void", "color": [0, 0, 0], "ignore": True},
    ]
    (tmp_path / "classes.json").write_text(json.dumps(table))
    settings = ["--set", "mean=[0, 0, 0]", "--set", "std=[255, 255, 255]", "--set", "order=BGR"]
    told = run(
        *("export", foreign, "-o", tmp_path / "named.pt2", "--classes", tmp_path / "classes.json"),
        *(*settings, "--set", "align_corners=true", "--json"),
    ).json
    assert told["classes"] == ["ground", "thing", "sky"]
    assert told["pixels"] == {
        "order": "BGR",
        "mean": [0, 0, 0],
        "std": [255, 255, 255],
        "is_inside": False,
    }
    run(
        *("predict", tmp_path / "named.pt2", moving_dataset, "-o", tmp_path / "out"),
        *("--split", "val", *QUIET),
    )
    assert torch.export.load(tmp_path / "named.pt2").module()(torch.rand(2, 3, 9, 9)).ndim == 4


def test_modes_that_need_inner_maps_are_one_clear_error(
    moving_dataset: Path, program: Path, tmp_path: Path, run: Any
) -> None:
    def says(*arguments: object) -> str:
        done = run(
            *("propagate", program, moving_dataset, "-o", tmp_path / "out", *QUIET, *arguments),
            code=2,
        )
        return str(done.stderr)

    for mode in ("features", "fusion"):
        assert "neither labels nor an exported program" in says("--mode", mode)
    assert not (tmp_path / "out").exists()


def write_refiner(path: Path, network: Path, *, takes_feature: bool = False) -> Path:
    trained = load_network(network)
    choice = RefinerChoice(width=16, takes_feature=takes_feature)
    refiner = refiner_for(trained.model, choice, seed=5)
    with torch.no_grad():  # untrained, it would change nothing
        for value in refiner.parameters():
            value.add_(0.05)
    identity = NetworkIdentity.of(trained, id="abc")
    content = {
        "step": 3,
        "refiner": describe_refiner(refiner, identity, TRAINED_WITH),
        "weights": refiner.state_dict(),
    }
    write_checkpoint(path, content, schema=REFINER_SCHEMA)
    return path


def test_a_residual_refiner_of_the_checkpoint_repairs_labels_of_the_program(
    moving_dataset: Path, trained: Path, program: Path, tmp_path: Path, run: Any
) -> None:
    refiner = write_refiner(tmp_path / "refiner.pt", trained)
    for name, network in (("run", trained), ("program", program)):
        shown = run(
            *("propagate", network, moving_dataset, "-o", tmp_path / name, "--split", "val"),
            *("--refiner", refiner, *QUIET, "--json"),
        ).json
        assert shown["refined_frames"] > 0
    assert digests(tmp_path / "program") == digests(tmp_path / "run")


def test_refiners_of_another_network_or_with_inner_maps_are_refused(
    moving_dataset: Path, trained: Path, program: Path, foreign: Path, tmp_path: Path, run: Any
) -> None:
    def says(network: Path, refiner: Path) -> str:
        words = ["propagate", network, moving_dataset, "-o", tmp_path / "out", *QUIET]
        return str(run(*words, "--refiner", refiner, code=3).stderr)

    other = write_run(tmp_path / "other", moving_dataset, seed=8)
    refiner = write_refiner(tmp_path / "refiner.pt", other)
    assert "it was trained beside other weights" in says(program, refiner)
    assert "the network is program" in says(foreign, refiner)
    said = says(program, write_refiner(tmp_path / "tapped.pt", trained, takes_feature=True))
    assert "reads inner maps, which an exported program does not give" in said


def test_what_needs_a_checkpoint_says_so(
    moving_dataset: Path, program: Path, tmp_path: Path, run: Any
) -> None:
    for words in (
        ["refiner", "train", program, moving_dataset],
        ["distill", moving_dataset, "--teacher", program],
        ["evaluate", "efficiency", program],
    ):
        done = run(*words, "-o", tmp_path / "out", "-q", code=3)
        assert "is an exported program, but a checkpoint is needed here" in done.stderr


def test_a_strangers_file_is_refused_by_every_command(
    moving_dataset: Path, foreign: Path, tmp_path: Path, run: Any
) -> None:
    marker = tmp_path / "marker"

    def edit(graph: dict[str, Any]) -> None:
        node = graph["graph_module"]["graph"]["nodes"][0]
        node["target"] = "torch.serialization.os.system"
        node["inputs"] = [{"name": "command", "arg": {"as_string": f"touch {marker}"}, "kind": 1}]

    bad = rewrite(foreign, tmp_path / "bad.pt2", edit=edit)
    out = tmp_path / "out"
    for words in (
        ["predict", bad, moving_dataset, "-o", out, *QUIET],
        ["propagate", bad, moving_dataset, "-o", out, *QUIET],
        ["evaluate", bad, "--dataset", moving_dataset, "-o", out, *QUIET],
        ["info", bad],
        ["export", bad, "-o", tmp_path / "x.pt2", "--set", "order=BGR"],
    ):
        done = run(*words, code=3)
        assert "it uses the operator torch.serialization.os.system" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["bad.pt2"]
