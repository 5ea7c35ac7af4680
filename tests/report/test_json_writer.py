from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path, PurePosixPath

import jsonschema
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spinemorph.errors import ReadError, ReportError
from spinemorph.report.json_writer import (
    SCHEMA_FILE,
    JsonWriter,
    _measurement_from_dict,
    _measurement_to_dict,
    read_study,
    study_from_dict,
    study_to_dict,
)
from spinemorph.types import Implant, Measurement, Numbering, Region

VALIDATOR = jsonschema.Draft202012Validator(json.loads(SCHEMA_FILE.read_text(encoding="utf-8")))


def refuse(constant):
    raise AssertionError(f"{constant} is not JSON")


def test_schema_itself_is_valid():
    jsonschema.Draft202012Validator.check_schema(VALIDATOR.schema)


def test_written_file_is_strict_json_and_valid(phantom, tmp_path):
    path = tmp_path / "study.json"
    JsonWriter().write(*phantom, path)
    document = json.loads(path.read_text(encoding="utf-8"), parse_constant=refuse)
    VALIDATOR.validate(document)
    assert document["vertebrae"][-1]["level"] == "S1"
    assert document["vertebrae"][-1]["corners"]["inferior_anterior"] is None
    assert document["vertebrae"][-1]["corner_covariance"]["inferior_posterior"] is None
    assert document["source"]["patient_name"] == "Müller^Zoé"


@pytest.mark.parametrize("spacing", [None, 0.3])
def test_round_trip_keeps_everything(build, tmp_path, spacing):
    implant = Implant("cage-1", "cage", ("L4", "L5"), np.array([[1.0, 2], [3, 2], [3, 4.25]]), 0.8)
    study, film = build(spacing=spacing, implants=(implant,), facing="right")
    path = tmp_path / "study.json"
    JsonWriter().write(study, film, path)
    again = read_study(path)
    assert again.source == study.source
    assert again.image == study.image
    assert again.measurements == study.measurements
    assert again.numbering == study.numbering
    assert again.flags == study.flags
    assert dict(again.manifest) == dict(study.manifest)
    for have, want in zip(again.vertebrae, study.vertebrae, strict=True):
        assert (have.level, have.category, have.flags) == (want.level, want.category, want.flags)
        np.testing.assert_array_equal(have.corners, want.corners)
        np.testing.assert_array_equal(have.corner_covariance, want.corner_covariance)
        np.testing.assert_allclose(have.contour, want.contour, atol=0.0051)
    np.testing.assert_array_equal(again.implants[0].contour, implant.contour)
    assert study_to_dict(again) == study_to_dict(study)


def test_regions_are_kept_and_older_files_have_none(phantom):
    ring = np.array([[1.0, 2], [30, 2], [30, 44.25], [1, 40]])
    regions = (
        Region("disc_space", ("L4", "L5"), ring),
        Region("osteophyte", ("L3",), ring + 5, "superior_anterior"),
    )
    document = study_to_dict(replace(phantom[0], regions=regions))
    VALIDATOR.validate(document)
    again = study_from_dict(document).regions
    assert [(r.name, r.levels, r.site) for r in again] == [
        (r.name, r.levels, r.site) for r in regions
    ]
    for have, want in zip(again, regions, strict=True):
        np.testing.assert_array_equal(have.contour, want.contour)
    del document["regions"]
    VALIDATOR.validate(document)
    assert study_from_dict(document).regions == ()


@pytest.mark.parametrize("contour", [[], [[1, 2], [3, 4]], [[1, 2], [3, 4], [5, float("nan")]]])
def test_a_region_needs_a_real_contour(contour):
    with pytest.raises(ValueError, match="disc_space"):
        Region("disc_space", ("L4", "L5"), np.array(contour).reshape(-1, 2))


def test_an_empty_study_is_valid(phantom):
    study = replace(
        phantom[0], vertebrae=(), measurements=(), numbering=Numbering(0.0), flags=("no_bodies",)
    )
    document = study_to_dict(study)
    VALIDATOR.validate(document)
    assert study_from_dict(document).vertebrae == ()


def test_manifest_values_become_plain(phantom):
    manifest = {
        "a": float("nan"),
        "b": np.float32(0.5),
        "c": PurePosixPath("x/y.onnx"),
        "d": (1, 2),
    }
    document = study_to_dict(replace(phantom[0], manifest=manifest))
    assert document["manifest"] == {"a": None, "b": 0.5, "c": "y.onnx", "d": [1, 2]}
    json.dumps(document, allow_nan=False)
    with pytest.raises(ReportError, match=r"manifest\.model"):
        study_to_dict(replace(phantom[0], manifest={"model": object()}))


def test_schema_refuses_a_value_beside_a_reason(phantom):
    document = study_to_dict(phantom[0])
    document["measurements"][0]["reason"] = "no_sacrum"
    with pytest.raises(jsonschema.ValidationError):
        VALIDATOR.validate(document)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "not valid JSON"),
        ("[]", "not a study of schema"),
        ('{"schema": "spinemorph/study/2"}', "spinemorph/study/2"),
        ('{"schema": "spinemorph/study/1"}', "'source' is missing"),
    ],
)
def test_files_that_are_no_study_are_refused_by_name(tmp_path, content, words):
    path = tmp_path / "other.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ReadError, match=words) as caught:
        read_study(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_file_is_named(tmp_path):
    with pytest.raises(ReadError, match=r"none\.json"):
        read_study(tmp_path / "none.json")


@pytest.mark.parametrize("broken", ["corners", "interval", "spacing"])
def test_malformed_parts_are_refused(phantom, broken):
    document = study_to_dict(phantom[0])
    if broken == "corners":
        document["vertebrae"][0]["corners"]["superior_anterior"] = [1.0]
    elif broken == "interval":
        document["measurements"][0]["interval95"] = [3.0, 1.0]
    else:
        document["image"]["pixel_spacing_mm"] = [0.0, 0.1]
    with pytest.raises(ReadError, match="not a valid study"):
        study_from_dict(document)


def test_names_added_later_are_passed_over(phantom):
    document = study_to_dict(phantom[0])
    document["source"]["operation_date"] = "2026-01-01"
    document["added"] = {"x": 1}
    assert study_from_dict(document).source == phantom[0].source


@settings(max_examples=40, deadline=None)
@given(
    value=st.none() | st.floats(allow_nan=False, allow_infinity=False),
    label=st.none() | st.text(max_size=20),
    half=st.floats(0, 1e6),
)
def test_any_measurement_survives(value, label, half):
    item = Measurement(
        "slip",
        ("L4", "L5"),
        value,
        "mm",
        'Länge "x"\n',
        label=label,
        interval95=None if value is None or abs(value) > 1e9 else (value - half, value + half),
        reason="level_not_found" if value is None else None,
    )

    text = json.dumps(_measurement_to_dict(item), allow_nan=False)
    assert _measurement_from_dict(json.loads(text)) == item


def test_schema_ships_inside_the_package():
    import spinemorph

    assert SCHEMA_FILE.is_file()
    assert SCHEMA_FILE.is_relative_to(Path(spinemorph.__file__).parent)
