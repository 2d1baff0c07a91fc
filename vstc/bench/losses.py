"""Measure the pair-wise frames loss against forms that build the N x N matrices.

Each form runs in a process of its own with one thread, forward and backward on one pair of frames.
The first call is the one whose memory is measured, the next ones are timed.
Shapes: B batch (1), C classes, N = size * size pixels.
"""

from __future__ import annotations

import multiprocessing
import os
import statistics
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from vstc.bench.pairwise_forms import PAIRWISE_FORMS, Tensors, chunked_form, make_frames
from vstc.errors import ConfigError, SetupError, unknown_name
from vstc.inference.peak_memory import peak_resident_bytes, reset_peak_resident

Gradients = tuple[NDArray[np.floating], NDArray[np.floating]]
DIRECT_MATRICES = 8
MIN_SECONDS = 0.5


@dataclass(frozen=True)
class PairwiseMeasurement:
    """One form of the loss, measured.

    Args:
        form: Its name, a key of `PAIRWISE_FORMS`.
        seconds: Median wall time of forward and backward.
        cpu_seconds: Median processor time of the same; trust it on a shared machine.
        extra_memory_bytes: Peak resident memory above that before the first call.
        value_error: Relative difference of the value from float64.
        gradient_error: Relative difference (Euclidean norm) of the gradient from float64.
        speedup: CPU seconds of the direct form divided by those of this one; None without it.
        memory_ratio: Extra memory of the direct form divided by that of this one; None likewise.
    """

    form: str
    seconds: float
    cpu_seconds: float
    extra_memory_bytes: int
    value_error: float
    gradient_error: float
    speedup: float | None
    memory_ratio: float | None


@dataclass(frozen=True)
class _Raw:
    """What a worker returns."""

    seconds: float
    cpu_seconds: float
    extra_memory_bytes: int
    value: float
    gradients: Gradients


def _forward_backward(
    form: Callable[[Tensors], torch.Tensor], frames: Tensors
) -> tuple[float, Gradients]:
    """Return the value and the gradients of both student frames."""
    student_t = frames[0].detach().requires_grad_()
    student_other = frames[1].detach().requires_grad_()
    loss = form((student_t, student_other, frames[2], frames[3]))
    grad_t, grad_other = torch.autograd.grad(loss, (student_t, student_other))
    # Arrays, because tensors cannot be read once the process that made them has ended.
    return float(loss.detach()), (grad_t.numpy(), grad_other.numpy())


def _measure(form_name: str, *, size: int, num_classes: int, repeats: int, seed: int) -> _Raw:
    """Measure one form; runs in a process of its own."""
    torch.set_num_threads(1)
    form = PAIRWISE_FORMS[form_name]
    _forward_backward(form, make_frames(size=5, num_classes=num_classes, seed=seed))
    frames = make_frames(size=size, num_classes=num_classes, seed=seed)
    before = reset_peak_resident()
    value, gradients = _forward_backward(form, frames)
    extra = max(peak_resident_bytes() - before, 0)
    wall: list[float] = []
    cpu: list[float] = []
    # A form of some milliseconds is called for half a second, else its median is noise.
    while len(wall) < repeats or sum(wall) < MIN_SECONDS:
        start, start_cpu = time.perf_counter(), time.process_time()
        _forward_backward(form, frames)
        wall.append(time.perf_counter() - start)
        cpu.append(time.process_time() - start_cpu)
    return _Raw(statistics.median(wall), statistics.median(cpu), extra, value, gradients)


def _reference(*, size: int, num_classes: int, seed: int) -> tuple[float, Gradients]:
    """Return value and gradients of the explicit form in float64."""
    torch.set_num_threads(1)
    first, second, third, fourth = make_frames(size=size, num_classes=num_classes, seed=seed)
    frames = (first.double(), second.double(), third.double(), fourth.double())
    return _forward_backward(chunked_form, frames)


def _relative(actual: Gradients, expected: Gradients) -> float:
    """Return |actual - expected| / |expected| over both frames."""
    difference = np.stack(actual).astype(np.float64) - np.stack(expected)
    return float(np.linalg.norm(difference) / np.linalg.norm(np.stack(expected)))


def _require_memory(*, size: int) -> None:
    """Refuse a size whose direct form does not fit in memory.

    Raises:
        SetupError: The machine has less than the matrices need.
    """
    needed = DIRECT_MATRICES * size**4 * 4
    try:
        total = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError):
        return
    if needed > total:
        raise SetupError(
            f"the direct form at size {size} needs about {needed / 2**30:.1f} GiB of memory, "
            f"{total / 2**30:.1f} GiB are free",
            hint="choose a smaller size, or leave out the direct form",
        )


def bench_losses(
    *,
    size: int = 97,
    num_classes: int = 19,
    repeats: int = 3,
    forms: Sequence[str] = tuple(PAIRWISE_FORMS),
    seed: int = 0,
    on_progress: Callable[[str], None] | None = None,
) -> list[PairwiseMeasurement]:
    """Measure forms of the pair-wise frames loss on one pair of frames, one thread each.

    Args:
        size: Height and width of the logits; 97 belongs to a crop of 769.
        num_classes: Number of classes C.
        repeats: Timed calls of each form at least, of which the median counts.
        forms: Names out of `PAIRWISE_FORMS`.
        seed: Seed of the random logits.
        on_progress: Called with the name of each form before it runs, `reference` first.

    Returns:
        One measurement per form, in the given order.

    Raises:
        ConfigError: An unknown form, or no repeats.
        SetupError: Too little memory for the direct form.
    """
    for form in forms:
        if form not in PAIRWISE_FORMS:
            raise unknown_name("form of the pairwise loss", form, PAIRWISE_FORMS)
    if repeats < 1 or size < 2 or num_classes < 2:
        raise ConfigError(
            f"nothing to measure: size {size}, {num_classes} classes, {repeats} repeats"
        )
    if "direct" in forms or "lean" in forms:
        _require_memory(size=size)
    report = on_progress or (lambda name: None)
    scene = {"size": size, "num_classes": num_classes, "seed": seed}
    # A fresh process per form: memory that another one has freed must not hide a peak.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context, max_tasks_per_child=1) as pool:
        report("reference")
        value, gradients = pool.submit(_reference, **scene).result()
        raw = {}
        for form in forms:
            report(form)
            raw[form] = pool.submit(_measure, form, repeats=repeats, **scene).result()
    direct = raw.get("direct")
    return [
        PairwiseMeasurement(
            form=form,
            seconds=each.seconds,
            cpu_seconds=each.cpu_seconds,
            extra_memory_bytes=each.extra_memory_bytes,
            value_error=abs(each.value - value) / abs(value),
            gradient_error=_relative(each.gradients, gradients),
            speedup=direct.cpu_seconds / each.cpu_seconds if direct else None,
            memory_ratio=(
                direct.extra_memory_bytes / max(each.extra_memory_bytes, 1) if direct else None
            ),
        )
        for form, each in raw.items()
    ]
