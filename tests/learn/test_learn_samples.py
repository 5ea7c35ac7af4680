"""Pooled films and the samples drawn from them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from spinemorph.learn.augment import with_brim
from spinemorph.learn.crops import crop_samples
from spinemorph.learn.pool import films_in, load, main
from spinemorph.learn.samples import GRID, body_centres, finder_sample
from spinemorph.segmenters.compact import layout, windows


def test_pool_is_resumable_and_complete(pool: Path) -> None:
    before = {path.name: path.stat().st_mtime_ns for path in films_in(pool)}
    assert len(before) == 4
    assert main([str(pool), "--first", "10", "--films", "4"]) == 0
    assert before == {path.name: path.stat().st_mtime_ns for path in films_in(pool)}


def test_pool_keeps_the_truth(pool: Path) -> None:
    for path in films_in(pool):
        film = load(path)
        assert film.image.dtype == np.uint8
        assert len(film.levels) == len(film.corners) == len(film.masks) == len(film.visible)
        assert len(film.replaced) == len(film.levels)
        assert 0.1 < film.pixel_mm < 2
        for level, corners, middles, (top, left, mask) in zip(
            film.levels, film.corners, film.middles, film.masks, strict=True
        ):
            assert np.isfinite(middles[0]).all()
            if level != "S1":
                assert np.isfinite(middles[1]).all()
                column, row = corners.mean(axis=0) - [left, top]
                inside = 0 <= row < mask.shape[0] and 0 <= column < mask.shape[1]
                assert not inside or mask[int(row), int(column)]


def test_finder_targets_agree_with_each_other(pool: Path) -> None:
    rng = np.random.default_rng(0)
    peaks = 0
    for path in films_in(pool) * 6:
        sample = finder_sample(load(path), rng)
        assert sample.image.shape == (2, layout.FINDER_ROWS, layout.FINDER_COLUMNS)
        assert np.isfinite(sample.image).all()
        for row, column in np.argwhere(sample.centres[0] == 1.0):
            peaks += 1
            assert sample.levels[row, column] > 0  # never S1
            cell = layout.STRIDE * np.array([column, row]) + (layout.STRIDE - 1) / 2
            offsets = sample.offsets[:, row, column].reshape(4, 2) * layout.OFFSET_UNIT
            # the peak lies in the middle of the corners that it points to
            assert np.abs((cell + offsets).mean(axis=0) - cell).max() < layout.STRIDE
        assert sample.film[0] <= sample.film[1] or sample.film_weight[1] == 0
        assert sample.centres.shape[1:] == GRID
    assert peaks > 20


def test_zoom_brings_the_column_upright(pool: Path) -> None:
    film = load(films_in(pool)[0])
    centres = body_centres(film)
    sacrum = film.levels[-1] == "S1"
    placed = windows.apply(windows.zoom(centres, film.facing_left, sacrum), centres)
    assert placed[0, 1] < placed[-1, 1]
    assert abs(placed[0, 0] - placed[-1, 0]) < 1e-6


def test_crops_show_what_they_say(pool: Path) -> None:
    rng = np.random.default_rng(1)
    good = 0
    for path in films_in(pool) * 3:
        for sample in crop_samples(load(path), rng):
            assert sample.image.shape == (2, layout.CROP, layout.CROP)
            if sample.validity[0] == 1 and sample.corner_weight[:4].all():
                good += 1
                superior, inferior = sample.corners[:2], sample.corners[2:4]
                assert superior[:, 1].mean() < inferior[:, 1].mean()
                assert superior[0, 0] < superior[1, 0]  # anterior left
                height = inferior[:, 1].mean() - superior[:, 1].mean()
                assert 12 < height < 80
    assert good > 10


@pytest.mark.parametrize("facing_left", [True, False])
def test_canonical_crops_have_the_anterior_side_left(facing_left: bool) -> None:
    front = -1.0 if facing_left else 1.0
    corners = np.array([[front * 20, 0], [-front * 20, 3], [front * 20, 30], [-front * 20, 33.0]])
    placed = windows.apply(windows.body_crop(corners + 100, facing_left), corners + 100)
    assert placed[0, 0] < placed[1, 0]
    assert placed[0, 1] < placed[2, 1]
    s1 = windows.apply(windows.sacrum_crop(corners[:2] + 100, facing_left), corners[:2] + 100)
    assert s1[0, 0] < s1[1, 0]
    assert np.allclose(s1[:, 1], layout.CROP_ENDPLATE_ROW)


def test_a_brim_is_one_bright_curve_from_the_endplate_down() -> None:
    window, ends = np.full((112, 112), 90, np.float32), np.array([[34.0, 42], [78, 42]])
    for seed in range(20):
        added = with_brim(window, ends, np.random.default_rng(seed)) - window
        assert added.min() == 0
        rows, columns = np.nonzero(added > added.max() / 2)
        assert abs(rows.min() - 42) < 12  # a fifth of the endplate above or below it
        assert rows.max() - rows.min() > 15
        assert len(rows) < 0.06 * added.size
        first = columns[rows == rows.min()].mean()
        assert 34 - 10 < first < 78 + 12


def test_depths_are_kept_where_they_are_asked_for(tmp_path: Path) -> None:
    settings = tmp_path / "settings.json"
    settings.write_text('{"framing": {"rows": 320, "ap_view": 0.0}}')
    pool = [str(tmp_path / "pool"), "--settings", str(settings), "--first", "3", "--films", "1"]
    assert main(pool) == 0
    (path,) = films_in(tmp_path / "pool")
    before = load(path)
    assert np.isnan(before.depths).all()
    assert main([*pool, "--depths"]) == 0
    after = load(path)
    lumbar = [i for i, level in enumerate(after.levels) if level != "S1"]
    assert after.depths.shape == (len(after.levels), 2, 5, 11)
    assert np.isfinite(after.depths[lumbar]).all()
    assert np.array_equal(before.image, after.image)
