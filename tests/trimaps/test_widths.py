import math

import pytest

from vstc.config import resolve
from vstc.errors import ConfigError
from vstc.trimaps.rules import RuleName
from vstc.trimaps.settings import ExportSettings, SizeFrom
from vstc.trimaps.sources.source import gather_survey
from vstc.trimaps.widths import rule_of_frames

SURVEY = gather_survey([(0, 3, None, 400), (1, 3, None, 2500), (2, 3, None, 10000)])[3]


def radii(settings, survey=SURVEY, clip="a"):
    rule = rule_of_frames(settings, clip, survey)
    return [dict(rule(index, area).widths) for index, area in enumerate((400, 2500, 10000))]


def test_band_is_ten_pixels_unless_told_otherwise():
    assert radii(ExportSettings()) == [{"radius": 10.0}] * 3
    assert radii(ExportSettings(radius=4)) == [{"radius": 4.0}] * 3


def test_relative_band_is_constant_in_time():
    mean = (20 + 50 + 100) / 3
    assert radii(ExportSettings(relative=0.1)) == [{"radius": round(0.1 * mean, 3)}] * 3


def test_relative_band_follows_the_size_on_request():
    settings = ExportSettings(relative=0.1, relative_to=SizeFrom.FRAME)
    assert radii(settings) == [{"radius": 2.0}, {"radius": 5.0}, {"radius": 10.0}]


def test_relative_band_is_a_pixel_at_least():
    settings = ExportSettings(relative=0.001, relative_to=SizeFrom.FRAME)
    assert radii(settings) == [{"radius": 1.0}] * 3


@pytest.mark.parametrize("rule", [RuleName.INDEXNET, RuleName.DIM, RuleName.GCA])
def test_drawn_width_is_constant_in_time_and_the_same_again(rule):
    drawn = radii(ExportSettings(rule=rule, seed=3))
    assert drawn[0] == drawn[1] == drawn[2]
    assert radii(ExportSettings(rule=rule, seed=3)) == drawn


def test_draws_differ_by_seed_clip_track_and_frame_on_request():
    def draws(**options):
        return str(radii(ExportSettings(rule=RuleName.GCA, **options)))

    other_clip = str(radii(ExportSettings(rule=RuleName.GCA), clip="b"))
    assert len({draws(), draws(seed=1), draws(redraw=True), other_clip}) == 4
    redrawn = radii(ExportSettings(rule=RuleName.GCA, redraw=True))
    assert len({str(widths) for widths in redrawn}) > 1


@pytest.mark.parametrize(
    ("sets", "message"),
    [
        (["radius=3", "relative=0.1"], "radius or relative, not both"),
        (["radius=3", "rule=dim"], "draws its widths"),
        (["radius=-1"], "greater than or equal"),
        (["radius=inf"], "finite"),
        (["relative=2"], "less than or equal"),
    ],
)
def test_widths_that_make_no_sense_are_refused(sets, message):
    with pytest.raises(ConfigError, match=message):
        resolve(ExportSettings, sets=sets)


def test_tracks_are_parsed():
    assert resolve(ExportSettings, flags={"tracks": "3, 1,3"}).tracks == (1, 3)
    assert resolve(ExportSettings, sets=["tracks=[2]"]).tracks == (2,)
    assert math.isclose(ExportSettings().band_radius, 10)
