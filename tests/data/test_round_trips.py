"""What goes through a format comes back, as far as the format can hold it."""

from __future__ import annotations

import json

import numpy as np
import pytest

from spinemorph.data.annotation import AnnotatedInstance, Annotation, class_mask
from spinemorph.data.formats import (
    FORMATS,
    READABLE,
    Losses,
    find_format,
    open_annotations,
    recognise,
)
from spinemorph.errors import AnnotationError, UsageError
from spinemorph.types import Box, PixelSpacing

CORNERS = np.array([[20.5, 30], [60, 31], [np.nan, np.nan], [np.nan, np.nan]])


def mask_with_hole_and_island():
    mask = np.ones((30, 40), bool)
    mask[10:20, 10:20] = False
    mask[:, 30:33] = False
    return mask


def films():
    disc = np.array([[20.25, 30], [60, 31.5], [58, 70], [22, 69]])
    bodies = (
        AnnotatedInstance("lumbar", "L5", 0.75, (disc,)),
        AnnotatedInstance("lumbar", "L4", None, (disc - (3, 35),)),
        AnnotatedInstance("sacrum", "S1", 0.5, (disc + (5, 30),), corners=CORNERS),
        AnnotatedInstance("cage", None, None, (disc[:3] + (0, 20), disc[:3] + (30, 5))),
        AnnotatedInstance(
            "rod",
            outline_mask=mask_with_hole_and_island(),
            outline_box=Box(100, 50, 130, 90),
        ),
    )
    spacing = PixelSpacing(0.2, 0.15, "calibrated")
    return [
        Annotation("first film.dcm", 140, 110, bodies, spacing=spacing),
        Annotation("second.png", 90, 95, bodies[:1], aspect=1.5),
        Annotation("empty.png", 50, 40, ()),
    ]


def whole(instance, size):
    image = np.zeros(size, bool)
    part = instance.rasterized(size)
    if part is not None:
        image[part.box.slices] = part.mask
    return image


def written(name, tmp_path, annotations=None):
    form = find_format(name)
    target = tmp_path / ("out" if form.is_folder else f"out.{'csv' if 'csv' in name else 'json'}")
    losses = Losses(form)
    form.write(losses.watch(annotations or films()), target)
    return target, losses


@pytest.mark.parametrize("name", [name for name in FORMATS if name != "label-masks"])
def test_instances_survive_pixel_for_pixel(name, tmp_path):
    target, _ = written(name, tmp_path)
    holds = find_format(name).holds
    back = open_annotations(target, name)
    assert not back.problems
    for film in films():
        if name == "instance-masks" and not film.instances:
            continue
        key = film.image.rsplit(".", 1)[0]
        loaded = back.load(key)
        assert not loaded.problems
        again = loaded.annotation
        if name != "instance-masks":
            assert again.image == film.image
        assert again.size == film.size
        assert again.holds_overlaps
        if "spacing" in holds:
            assert again.spacing == film.spacing
            assert again.aspect == film.aspect
        pairs = list(zip(again.instances, film.instances, strict=True))
        for ours, theirs in pairs:
            assert ours.category == theirs.category
            assert (whole(ours, film.size) == whole(theirs, film.size)).all()
            if "levels" in holds:
                assert ours.level == theirs.level
            if "scores" in holds and name != "study":
                assert ours.score == theirs.score
            if "corners" in holds and theirs.corners is not None:
                assert np.array_equal(ours.corners, theirs.corners, equal_nan=True)


@pytest.mark.parametrize("name", FORMATS)
def test_format_is_recognised_by_content(name, tmp_path):
    target, _ = written(name, tmp_path)
    assert recognise(target) == name


def test_label_masks_hold_merged_classes_and_say_what_is_lost(tmp_path):
    target, losses = written("label-masks", tmp_path)
    film = films()[0]
    again = open_annotations(target).load("first film").annotation
    assert not again.holds_overlaps
    assert (class_mask(again) == class_mask(film.rasterized())).all()
    assert [line.removeprefix("label-masks cannot hold ") for line in losses.lines()] == [
        "corners (1)",
        "implants (2)",
        "levels (4)",
        "overlaps (2)",
        "scores (3)",
        "spacing (2)",
    ]


@pytest.mark.parametrize("name", ["via", "via-csv", "coco", "labelme", "study"])
def test_nothing_is_reported_lost_where_everything_is_held(name, tmp_path):
    _, losses = written(name, tmp_path)
    assert not losses.lines()


@pytest.mark.parametrize("name", ["coco", "yolo", "label-masks", "instance-masks", "study"])
def test_formats_with_sizes_refuse_a_film_without(name, tmp_path):
    ring = np.array([[0.0, 0], [9, 0], [9, 9]])
    film = Annotation("a.png", None, None, (AnnotatedInstance("lumbar", rings=(ring,)),))
    with pytest.raises(AnnotationError, match="give --images"):
        written(name, tmp_path, [film])


def test_outputs_are_valid_json(tmp_path):
    for name in ("via", "coco"):
        target, _ = written(name, tmp_path / name)
        json.loads(target.read_text(), parse_constant=pytest.fail)


def test_unknown_format_lists_the_known():
    with pytest.raises(UsageError, match="via, via-csv, coco"):
        find_format("dicom-rt")


@pytest.mark.parametrize(
    ("instance", "words"),
    [
        ({"category": "femur"}, "unknown category"),
        ({"category": "screw", "level": "L4"}, "cannot have the level"),
        ({"category": "sacrum", "level": "L5"}, "cannot have the level"),
        ({"category": "lumbar", "level": "L9"}, "unknown level"),
        ({"category": "lumbar", "score": 2.0}, "score must be"),
        ({"category": "lumbar", "rings": ()}, "either rings or a mask"),
        ({"category": "lumbar", "rings": ([[0, 0], [1, 1]],)}, "three points"),
    ],
)
def test_an_instance_is_valid_once_constructed(instance, words):
    ring = np.array([[0.0, 0], [9, 0], [9, 9]])
    with pytest.raises(ValueError, match=words):
        AnnotatedInstance(**{"rings": (ring,), **instance})


def test_what_the_simulator_wrote_is_read_with_its_truth(tmp_path):
    from spinemorph.simulate.anatomy_source import load_anatomy
    from spinemorph.simulate.files import write_film
    from spinemorph.simulate.film import simulate_film
    from spinemorph.simulate.settings import Settings

    film = simulate_film(load_anatomy(None), Settings(), 3)
    write_film(film, tmp_path)
    assert recognise(tmp_path) == "simulated"
    loaded = open_annotations(tmp_path).load("film_0000003").annotation
    assert loaded.size == film.pixels.shape
    assert loaded.spacing.row == film.truth.spacing_mm
    things = (*film.truth.bodies, *film.truth.implants)
    for ours, true in zip(loaded.instances, things, strict=True):
        assert ours.category == true.category
        shown = np.zeros(film.pixels.shape, bool)
        shown[true.box.slices] = true.mask
        assert (whole(ours, film.pixels.shape) == shown).all()
    with pytest.raises(UsageError, match="only read"):
        find_format("simulated", READABLE).write([], tmp_path / "out")
