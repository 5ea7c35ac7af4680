from __future__ import annotations

import cv2
import numpy as np
import pytest

from spinemorph.report.overlay import HIGHEST, LOWEST, OverlayWriter, overlay
from spinemorph.report.painter import STYLES


def close_to(picture, kind):
    colour = np.array(STYLES[kind].colour[::-1]) * 255
    return np.abs(picture.astype(float) - colour).max(axis=2) < 40


def test_file_is_a_colour_png_with_true_aspect(build, tmp_path):
    study, film = build(aspect=1.8)
    path = tmp_path / "overlay.png"
    OverlayWriter().write(study, film, path)
    picture = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert picture.shape[2] == 3
    shape = film.rows * film.aspect / film.columns
    assert picture.shape[0] / picture.shape[1] == pytest.approx(shape, rel=0.01)


def test_endplates_lie_where_the_corners_are(build):
    study, film = build()
    picture = overlay(study, film)
    scale = picture.shape[0] / film.rows
    body = next(v for v in study.vertebrae if v.level == "L3")
    for line, kind in ((body.corners[:2], "superior"), (body.corners[2:], "inferior")):
        x, y = (line.mean(axis=0) + 0.5) * scale - 0.5
        near = picture[round(y) - 3 : round(y) + 4, round(x) - 3 : round(x) + 4]
        assert close_to(near, kind).any()
    assert close_to(picture, "cobb").sum() > 200


@pytest.mark.parametrize(("rows", "columns"), [(140, 76), (6000, 900)])
def test_small_films_are_enlarged_and_large_ones_shrunk(tools, rows, columns):
    corners = {k: v * (rows / 1400) for k, v in tools.phantom_corners(50).items()}
    study = tools.make_study(corners, rows, columns)
    film = tools.radiograph_of(study, np.full((rows, columns), 0.4, np.float32))
    assert overlay(study, film).shape[0] == (LOWEST if rows < LOWEST else HIGHEST)


def test_film_without_findings_is_shown_bare(build):
    from dataclasses import replace

    study, film = build()
    picture = overlay(replace(study, vertebrae=(), measurements=()), film)
    assert (picture[..., 0] == picture[..., 1]).all()
    assert (picture[..., 1] == picture[..., 2]).all()
