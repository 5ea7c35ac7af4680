"""Windows on a film."""

import numpy as np

from spinemorph.segmenters.compact import windows


def test_copies_that_are_kept_change_no_window():
    film = np.random.default_rng(3).random((300, 200)).astype(np.float32)
    kept: dict[int, np.ndarray] = {}
    for scale in (0.2, 0.4, 0.41, 1.0):
        affine = windows.similarity((100.0, 150.0), (20.0, 20.0), scale, 0.1)
        alone = windows.cut(film, affine, 41, 41)
        assert np.array_equal(windows.cut(film, affine, 41, 41, reduced=kept), alone)
    assert sorted(kept) == [2, 4]
