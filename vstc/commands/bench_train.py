"""``vstc bench train``: images per second of training, and the share of waiting for data."""

from __future__ import annotations

from typing import Any

from vstc import options
from vstc.commands import training


def command(
    dataset: training.DatasetArgument,
    flow: training.Flow = None,
    model: training.Model = None,
    terms: training.Terms = None,
    split: training.TrainSplit = None,
    steps: training.Steps = None,
    batch: training.BatchSize = None,
    crop: training.Crop = None,
    config: options.ConfigFile = None,
    sets: options.Sets = None,
    device: options.Device = "auto",
    workers: options.Workers = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Measure training: images per second, per CPU second, and the data-wait share.

    Reads a data set like teacher train; writes nothing that stays.

    $ vstc bench train data/camvid --model pspnet18 --crop 241x321 --batch 4 --workers 2
    """
    from dataclasses import asdict

    from vstc import config as configuration
    from vstc import console
    from vstc.bench.train import WARM_UP_STEPS, bench_train
    from vstc.training.settings import TrainSettings
    from vstc.training.train import TrainInputs

    console.set_verbosity(quiet=quiet, verbose=verbose)
    flags: dict[str, Any] = {
        "model": model,
        "terms": tuple(terms.split(",")) if terms else None,
        "split": split,
        "steps": steps,
        "batch": batch,
        "crop": training.parse_crop(crop),
    }
    base = {"steps": 8, "crop": (241, 321), "batch": 4}
    settings = configuration.resolve(
        TrainSettings, config_file=config, sets=sets, flags=flags, base=base
    )
    with console.track("bench", settings.steps + WARM_UP_STEPS, unit="steps") as advance:
        measured = bench_train(
            TrainInputs(dataset=dataset, flow=tuple(flow or ())),
            settings,
            device=device,
            workers=workers or training.num_cores(),
            advance=advance,
        )
    row = asdict(measured)
    console.result(row, as_json=as_json, render=lambda: training.two_columns(row, "bench train"))
