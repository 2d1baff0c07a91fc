from __future__ import annotations

import pytest

from vstc.errors import CheckFailed, ConfigError
from vstc.evaluation.requirements import check_requirements, parse_requirement

KNOWN = ("miou", "tc", "tc_seq")


@pytest.mark.parametrize(
    ("text", "value", "is_met"),
    [
        ("tc>=0.7", 0.7, True),
        ("tc>0.7", 0.7, False),
        ("tc <= .5", 0.5, True),
        ("tc<1", 1.0, False),
        ("tc_seq>=0", None, False),
    ],
)
def test_a_requirement_compares(text, value, is_met):
    assert parse_requirement(text, known=KNOWN).is_met(value) is is_met


@pytest.mark.parametrize("text", ["tc", "tc=0.7", "tc>=", ">=0.7", "tc>=0.7 or so", "tc=>0.7"])
def test_another_form_is_refused(text):
    with pytest.raises(ConfigError, match="is not NAME>=LIMIT"):
        parse_requirement(text, known=KNOWN)


@pytest.mark.parametrize("number", ["70", "-0.1", "nan", "inf", "many"])
def test_a_limit_that_is_no_fraction_is_refused(number):
    with pytest.raises(ConfigError, match="not between 0 and 1"):
        parse_requirement(f"tc>={number}", known=KNOWN)


def test_an_unknown_metric_is_refused_with_the_known_ones():
    with pytest.raises(ConfigError, match="moiu") as caught:
        parse_requirement("moiu>=0.5", known=KNOWN)
    assert "miou, " in caught.value.hint


def test_all_failures_are_named():
    wanted = [parse_requirement(text, known=KNOWN) for text in ("tc>=0.8", "miou>=0.5", "tc<0.1")]
    with pytest.raises(CheckFailed, match="tc>=0.8 is not met: tc = 0.7000; tc<0.1") as caught:
        check_requirements(wanted, {"tc": 0.7, "miou": 0.6})
    assert caught.value.exit_code == 6
    check_requirements(wanted[1:2], {"miou": 0.6})


def test_a_limit_of_what_is_no_share_may_be_above_one():
    wanted = parse_requirement("tsb<=1.5", known=["tc", "tsb"])
    assert wanted.is_met(1.4)
    assert not wanted.is_met(1.6)
    with pytest.raises(ConfigError, match="not between"):
        parse_requirement("tsb<=inf", known=["tsb"])
