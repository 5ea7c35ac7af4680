"""Films that families learn from: formats, pictures, and how they are varied."""

import numpy as np
import pytest

from spinemorph.data.collection import ReadOptions
from spinemorph.data.formats import FORMATS
from spinemorph.errors import AnnotationError
from spinemorph.learn.dataset import open_films
from spinemorph.learn.films import prepare, varied
from spinemorph.learn.settings import settings_from


def test_films_without_pictures_are_a_clear_fault(dataset, tmp_path):
    (tmp_path / "coco.json").write_bytes(dataset.read_bytes())
    with pytest.raises(AnnotationError, match="--images"):
        open_films(tmp_path / "coco.json")


@pytest.mark.parametrize("name", ["via", "labelme", "instance-masks", "label-masks"])
def test_every_format_serves_as_a_data_set(name, dataset, tmp_path):
    form = FORMATS[name]
    target = tmp_path / ("out" if form.is_folder else "out.json")
    form.write([film.read()[1] for film in open_films(dataset).films], target)
    found = open_films(target, name, ReadOptions(images=dataset.parent))
    assert len(found) == 12
    ready, problems = prepare(found.films[:2], settings_from({"backbone": "x"}, "s", {}))
    assert not problems
    assert all({1, 2} == set(film.labels.tolist()) for film in ready)


def test_variation_keeps_picture_and_masks_together(dataset):
    settings = settings_from({"backbone": "x", "rows": 192, "columns": 128}, "s", {})
    film = prepare(open_films(dataset).films[:1], settings)[0][0]
    for seed in range(6):
        sample = varied(film, 0.3, np.random.default_rng(seed))
        sacrum = sample.masks[list(sample.labels).index(2)]
        others = np.any(
            [m for m, k in zip(sample.masks, sample.labels, strict=True) if k == 1], axis=0
        )
        image = sample.image
        assert np.median(image[sacrum]) > np.median(image[others])
    assert np.array_equal(varied(film, 0.0, np.random.default_rng(1)).masks, film.masks)
