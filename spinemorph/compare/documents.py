"""comparison.json (schema ``spinemorph/comparison/1``) and changes.csv as plain values."""

from __future__ import annotations

import csv
import io
import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from spinemorph import __version__
from spinemorph.compare.comparable import FORBIDS
from spinemorph.compare.types import Change, Check, Comparison, Value
from spinemorph.flags import FLAGS

SCHEMA: Final = "spinemorph/comparison/1"
#: The published JSON Schema of comparison.json.
SCHEMA_FILE: Final = Path(__file__).with_name("comparison-1.schema.json")
COLUMNS: Final = (
    "reference",
    "film",
    "reference_date",
    "film_date",
    "measure",
    "levels",
    "site",
    "instance",
    "unit",
    "before",
    "before_low",
    "before_high",
    "before_label",
    "after",
    "after_low",
    "after_high",
    "after_label",
    "difference",
    "difference_low",
    "difference_high",
    "p_corrected",
    "detectable",
    "published_limit",
    "verdict",
    "label",
    "primary",
    "reasons",
    "flags",
)


def comparison_to_dict(comparison: Comparison) -> dict[str, Any]:
    """The content of comparison.json; valid JSON, null for what is not known."""
    surgery = comparison.surgery
    return {
        "schema": SCHEMA,
        "summary": list(comparison.summary),
        "films": [_film(comparison, film) for film in range(len(comparison.films))],
        "surgery": None if surgery is None else asdict(surgery),
        "checks": [_check(check) for check in comparison.checks],
        "implant_events": [
            {**asdict(event), "levels": list(event.levels), "score": round(event.score, 3)}
            for event in comparison.events
        ],
        "alignments": [
            {
                "film": item.film,
                "matrix": item.matrix.tolist(),
                "scale": item.scale,
                "rotation_deg": item.rotation,
                "mirrored": item.mirrored,
                "levels": list(item.levels),
                "residual_px": item.residual,
            }
            for item in comparison.alignments
        ],
        "scales": [{**asdict(item), "levels": list(item.levels)} for item in comparison.scales],
        "changes": [_change(change) for change in comparison.changes],
        "options": asdict(comparison.options),
        "manifest": {"spinemorph": __version__},
    }


def comparison_json(comparison: Comparison) -> str:
    """The text of comparison.json, one record a line."""
    document = comparison_to_dict(comparison)
    parts = []
    for key, value in document.items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            lines = ",\n".join(f"    {_compact(item)}" for item in value)
            parts.append(f"  {_compact(key)}: [\n{lines}\n  ]")
        else:
            parts.append(f"  {_compact(key)}: {_compact(value)}")
    return "{\n" + ",\n".join(parts) + "\n}\n"


def changes_csv(comparison: Comparison) -> str:
    """The text of changes.csv: one measure of one film a row, decimal points, empty where unknown."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(COLUMNS)
    for change in comparison.changes:
        writer.writerow([_cell(value) for value in _record(comparison, change)])
    return stream.getvalue()


def _record(comparison: Comparison, change: Change) -> list[Any]:
    films = comparison.films
    limit = change.limit
    return [
        change.reference,
        change.film,
        films[change.reference].date,
        films[change.film].date,
        change.name,
        "-".join(change.levels),
        change.site,
        change.instance,
        change.unit,
        *_three(change.before),
        *_three(change.after),
        change.difference,
        *(change.interval95 or (None, None)),
        change.p,
        None if limit is None else limit.value,
        None if limit is None else limit.published,
        change.verdict,
        change.label,
        change.primary,
        " ".join(change.reasons),
        " ".join(change.flags),
    ]


def _three(value: Value) -> list[Any]:
    low, high = value.interval95 or (None, None)
    return [value.value, low, high, value.label]


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    text = str(value)
    # a cell that a spreadsheet would run as a formula is text
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def _film(comparison: Comparison, film: int) -> dict[str, Any]:
    study, known = comparison.studies[film], comparison.films[film]
    spacing = study.image.spacing
    return {
        "file": study.source.file,
        "sha256": study.source.sha256,
        "patient_id": study.source.patient_id,
        "birth_date": study.source.birth_date,
        "date": known.date,
        "given": known.given,
        "days_since_surgery": known.days_since_surgery,
        "shift": known.shift,
        "facing": study.image.facing,
        "pixel_spacing_mm": None if spacing is None else [spacing.row, spacing.column],
        "spacing_basis": None if spacing is None else spacing.basis,
        "levels": [v.level for v in study.vertebrae if v.level],
        "flags": list(study.flags),
        "analyzed_by": study.manifest.get("spinemorph"),
        "weights_sha256": study.manifest.get("weights_sha256"),
    }


def _check(check: Check) -> dict[str, Any]:
    return {
        "code": check.code,
        "films": list(check.films),
        "detail": check.detail,
        "words": FLAGS[check.code],
        "forbids": FORBIDS.get(check.code),
    }


def _change(change: Change) -> dict[str, Any]:
    return {
        "name": change.name,
        "levels": list(change.levels),
        "site": change.site,
        "instance": change.instance,
        "unit": change.unit,
        "definition": change.definition,
        "reference": change.reference,
        "film": change.film,
        "before": _value(change.before),
        "after": _value(change.after),
        "difference": _number(change.difference),
        "interval95": None
        if change.interval95 is None
        else [_number(x) for x in change.interval95],
        "p_corrected": change.p,
        "limit": None
        if change.limit is None
        else {
            "value": _number(change.limit.value),
            "propagated": _number(change.limit.propagated),
            "published": change.limit.published,
            "source": change.limit.source,
        },
        "verdict": change.verdict,
        "label": change.label,
        "primary": change.primary,
        "reasons": list(change.reasons),
        "flags": list(change.flags),
    }


def _value(value: Value) -> dict[str, Any]:
    interval = value.interval95
    return {
        "value": _number(value.value),
        "interval95": None if interval is None else [_number(x) for x in interval],
        "label": value.label,
        "reason": value.reason,
    }


def _number(value: float | None) -> float | None:
    """Six digits are more than any measure has."""
    if value is None or not math.isfinite(value):
        return None
    return float(f"{value:.6g}")


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
