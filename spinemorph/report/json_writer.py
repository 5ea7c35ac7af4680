"""study.json (schema ``spinemorph/study/1``): a study as plain values, and back again."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath
from types import MappingProxyType
from typing import Any, Final

import numpy as np

from spinemorph.anatomy import CORNERS
from spinemorph.errors import ReadError, ReportError
from spinemorph.types import (
    AlternativeNumbering,
    FloatArray,
    ImageInfo,
    Implant,
    Measurement,
    Numbering,
    PixelSpacing,
    Radiograph,
    Region,
    Source,
    Study,
    Vertebra,
    femoral_head_centres,
)

SCHEMA: Final = "spinemorph/study/1"
#: The published JSON Schema of study.json.
SCHEMA_FILE: Final = Path(__file__).with_name("study-1.schema.json")
#: Contours are kept to 1/100 pixel, which is finer than any outline is known.
CONTOUR_DECIMALS: Final = 2


class JsonWriter:
    """Writes study.json: UTF-8, valid JSON (no NaN, no Infinity), one record a line."""

    def write(self, study: Study, radiograph: Radiograph, path: Path) -> None:
        """Writes ``study``; ReportError where a manifest value has no JSON form."""
        del radiograph
        path.write_text(document_text(study_to_dict(study)), encoding="utf-8", newline="\n")


def study_to_dict(study: Study) -> dict[str, Any]:
    """The content of study.json as plain Python values; unknown coordinates are None."""
    alternative = study.numbering.alternative
    spacing = study.image.spacing
    return {
        "schema": SCHEMA,
        "source": dataclasses.asdict(study.source),
        "image": {
            "rows": study.image.rows,
            "columns": study.image.columns,
            "facing": study.image.facing,
            "pixel_spacing_mm": None if spacing is None else [spacing.row, spacing.column],
            "spacing_basis": None if spacing is None else spacing.basis,
            "pixel_aspect": study.image.aspect,
        },
        "vertebrae": [_vertebra_to_dict(vertebra) for vertebra in study.vertebrae],
        "implants": [
            {
                "id": implant.id,
                "category": implant.category,
                "levels": list(implant.levels),
                "contour": _contour_to_list(implant.contour),
                "score": float(implant.score),
            }
            for implant in study.implants
        ],
        "femoral_heads": (
            None if study.femoral_heads is None else _contour_to_list(study.femoral_heads)
        ),
        "regions": [
            {
                "name": region.name,
                "levels": list(region.levels),
                "site": region.site,
                "contour": _contour_to_list(region.contour),
            }
            for region in study.regions
        ],
        "measurements": [_measurement_to_dict(item) for item in study.measurements],
        "flags": list(study.flags),
        "numbering": {
            "confidence": float(study.numbering.confidence),
            "alternative": None if alternative is None else dataclasses.asdict(alternative),
        },
        "manifest": _plain(study.manifest, "manifest"),
    }


def study_from_dict(document: Mapping[str, Any]) -> Study:
    """The study behind a parsed study.json; names that are not known here are passed over.

    Raises ReadError where the schema is another one or a part is missing or malformed.
    """
    schema = document.get("schema") if isinstance(document, Mapping) else None
    if schema != SCHEMA:
        raise ReadError(f"not a study of schema {SCHEMA!r} (found {schema!r})")
    try:
        return Study(
            source=_known(Source, document["source"]),
            image=_image_from_dict(document["image"]),
            vertebrae=tuple(_vertebra_from_dict(item) for item in document["vertebrae"]),
            implants=tuple(
                Implant(
                    id=item["id"],
                    category=item["category"],
                    levels=tuple(item["levels"]),
                    contour=_array(item["contour"], (-1, 2)),
                    score=float(item["score"]),
                )
                for item in document["implants"]
            ),
            measurements=tuple(_measurement_from_dict(item) for item in document["measurements"]),
            numbering=_numbering_from_dict(document["numbering"]),
            flags=tuple(document["flags"]),
            manifest=MappingProxyType(dict(document["manifest"])),
            regions=tuple(
                Region(
                    name=item["name"],
                    levels=tuple(item["levels"]),
                    contour=_array(item["contour"], (-1, 2)),
                    site=item.get("site"),
                )
                for item in document.get("regions") or ()
            ),
            femoral_heads=femoral_head_centres(document.get("femoral_heads")),
        )
    except KeyError as error:
        raise ReadError(f"not a valid study: {error} is missing") from error
    except (TypeError, ValueError, AttributeError) as error:
        raise ReadError(f"not a valid study: {error}") from error


def read_study(path: Path) -> Study:
    """Reads a study.json; ReadError names the file and what is wrong with it."""
    try:
        document = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise ReadError(f"{path}: cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise ReadError(f"{path}: not valid JSON: {error}") from error
    try:
        return study_from_dict(document)
    except ReadError as error:
        raise ReadError(f"{path}: {error}") from error


def _vertebra_to_dict(vertebra: Vertebra) -> dict[str, Any]:
    covariance = vertebra.corner_covariance
    return {
        "level": vertebra.level,
        "category": vertebra.category,
        "score": float(vertebra.score),
        "contour": _contour_to_list(vertebra.contour),
        "corners": {
            name: _finite_list(corner)
            for name, corner in zip(CORNERS, vertebra.corners, strict=True)
        },
        "corner_covariance": (
            None
            if covariance is None
            else {
                name: _finite_list(matrix) for name, matrix in zip(CORNERS, covariance, strict=True)
            }
        ),
        "flags": list(vertebra.flags),
    }


def _vertebra_from_dict(item: Mapping[str, Any]) -> Vertebra:
    covariance = item["corner_covariance"]
    return Vertebra(
        level=item["level"],
        category=item["category"],
        score=float(item["score"]),
        contour=_array(item["contour"], (-1, 2)),
        corners=np.stack([_array_or_nan(item["corners"][name], (2,)) for name in CORNERS]),
        corner_covariance=(
            None
            if covariance is None
            else np.stack([_array_or_nan(covariance[name], (2, 2)) for name in CORNERS])
        ),
        flags=tuple(item["flags"]),
    )


def _measurement_to_dict(item: Measurement) -> dict[str, Any]:
    return {
        "name": item.name,
        "levels": list(item.levels),
        "site": item.site,
        "instance": item.instance,
        "value": None if item.value is None else float(item.value),
        "label": item.label,
        "unit": item.unit,
        "interval95": None if item.interval95 is None else [float(x) for x in item.interval95],
        "definition": item.definition,
        "flags": list(item.flags),
        "reason": item.reason,
    }


def _measurement_from_dict(item: Mapping[str, Any]) -> Measurement:
    interval = item["interval95"]
    return Measurement(
        name=item["name"],
        levels=tuple(item["levels"]),
        value=None if item["value"] is None else float(item["value"]),
        unit=item["unit"],
        definition=item["definition"],
        site=item["site"],
        instance=item["instance"],
        label=item["label"],
        interval95=None if interval is None else (float(interval[0]), float(interval[1])),
        flags=tuple(item["flags"]),
        reason=item["reason"],
    )


def _image_from_dict(item: Mapping[str, Any]) -> ImageInfo:
    size = item["pixel_spacing_mm"]
    spacing = None if size is None else PixelSpacing(size[0], size[1], item["spacing_basis"])
    return ImageInfo(
        rows=int(item["rows"]),
        columns=int(item["columns"]),
        facing=item["facing"],
        spacing=spacing,
        aspect=float(item.get("pixel_aspect", 1.0 if size is None else size[0] / size[1])),
    )


def _numbering_from_dict(item: Mapping[str, Any]) -> Numbering:
    alternative = item["alternative"]
    return Numbering(
        float(item["confidence"]),
        None if alternative is None else _known(AlternativeNumbering, alternative),
    )


def _known(kind: Any, item: Mapping[str, Any]) -> Any:
    names = {field.name for field in dataclasses.fields(kind)}
    return kind(**{name: value for name, value in item.items() if name in names})


def _contour_to_list(contour: FloatArray) -> list[list[float]]:
    rounded: list[list[float]] = np.round(contour, CONTOUR_DECIMALS).tolist()
    return rounded


def _finite_list(values: FloatArray) -> list[Any] | None:
    return np.asarray(values, dtype=float).tolist() if np.isfinite(values).all() else None


def _array(values: Any, shape: tuple[int, ...]) -> FloatArray:
    array = np.array(values, dtype=np.float64).reshape(shape)
    array.setflags(write=False)
    return array


def _array_or_nan(values: Any, shape: tuple[int, ...]) -> FloatArray:
    return np.full(shape, np.nan) if values is None else _array(values, shape)


def _plain(value: Any, where: str) -> Any:
    """``value`` as JSON knows it; a number that is not finite becomes null."""
    if value is None or isinstance(value, bool | str | int):
        return value
    if isinstance(value, np.generic):
        return _plain(value.item(), where)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, PurePath):
        return value.name
    if isinstance(value, Mapping):
        return {str(key): _plain(item, f"{where}.{key}") for key, item in value.items()}
    if isinstance(value, np.ndarray):
        return _plain(value.tolist(), where)
    if isinstance(value, Sequence | set | frozenset):
        items = sorted(value) if isinstance(value, set | frozenset) else value
        return [_plain(item, where) for item in items]
    raise ReportError(f"study.json: {where} has no JSON form ({type(value).__name__})")


def document_text(document: Mapping[str, Any]) -> str:
    """One record a line: small files that can be read, compared and searched line by line."""

    def compact(value: Any) -> str:
        return json.dumps(value, ensure_ascii=False, allow_nan=False)

    parts = []
    for key, value in document.items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            body = "[\n" + ",\n".join(f"    {compact(item)}" for item in value) + "\n  ]"
        elif isinstance(value, dict) and value:
            lines = (f"    {compact(name)}: {compact(item)}" for name, item in value.items())
            body = "{\n" + ",\n".join(lines) + "\n  }"
        else:
            body = compact(value)
        parts.append(f"  {compact(key)}: {body}")
    return "{\n" + ",\n".join(parts) + "\n}\n"
