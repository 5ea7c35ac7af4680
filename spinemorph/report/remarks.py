"""What a reader must know beside the numbers: flags, scale, numbering, patient, provenance."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Final

from spinemorph.report.catalogue import Words
from spinemorph.types import Study

#: Said by the sentence on the scale already.
SAID_BY_SCALE: Final = frozenset(
    {"no_pixel_spacing", "detector_scale", "unknown_scale", "estimated_scale"}
)
#: Flags that put every value in doubt; they come first, and in red.
STOPPING: Final = frozenset(
    {
        "facing_disagrees",
        "facing_unknown",
        "gap_in_column",
        "no_bodies",
        "no_sacrum",
        "not_lateral_lumbar",
        "numbering_uncertain",
        "possible_four_lumbar",
        "possible_l6",
        "several_sacra",
        "view_disagrees",
    }
)


def stop_lines(study: Study, words: Words) -> list[str]:
    """The flags that put every value in doubt, in plain words."""
    return [words.flag(code) for code in study.flags if code in STOPPING]


def flag_lines(study: Study, words: Words) -> list[str]:
    """The other flags in plain words: the study's, single bodies' and single measurements'."""
    said = {*study.flags, *SAID_BY_SCALE}
    lines = [words.flag(code) for code in study.flags if code not in STOPPING | SAID_BY_SCALE]
    unnumbered = words("flags_box.unnumbered")
    bodies = ((body.level or unnumbered, body.flags) for body in study.vertebrae)
    lines += _gathered(bodies, said, words)
    for body in study.vertebrae:
        said.update(body.flags)
    valued = (item for item in study.measurements if item.value is not None)
    lines += _gathered(((words.measure(item.name), item.flags) for item in valued), said, words)
    return lines


def basis_lines(study: Study, words: Words) -> list[str]:
    """Where millimetres, levels and direction come from."""
    spacing = study.image.spacing
    lines = [words("scale.none" if spacing is None else f"scale.{spacing.basis}")]
    if spacing is not None:
        row, column = (
            f"{size:.4g}".replace(".", words("format.decimal"))
            for size in (spacing.row, spacing.column)
        )
        lines[0] += " " + words("scale.pixel", row=row, column=column)
    if any(body.level for body in study.vertebrae):
        confidence = min(round(100 * study.numbering.confidence), 99)
        lines.append(words("numbering.counted", confidence=confidence))
    elif study.vertebrae:
        lines.append(words("numbering.none"))
    other = study.numbering.alternative
    if other is not None:
        reason = other.reason.rstrip(".")
        reason = words.of("numbering_reasons", reason, reason)
        probability = round(100 * other.probability)
        lines.append(words("numbering.alternative", probability=probability, reason=reason))
    if study.vertebrae:
        lines.append(words(f"facing.{study.image.facing or 'none'}"))
    return lines


def patient_values(study: Study, words: Words) -> list[tuple[str, str | None]]:
    """Label and value of the patient line; None where the film does not say."""
    source = study.source
    values = []
    for key, label in words.section("patient").items():
        value = (getattr(source, key) or "").strip("^ ")
        if key == "patient_name":
            value = read_name(value) or ""
        elif key == "sex":
            value = words.of("sex", value.upper(), value)
        elif key == "body_position":
            parts = (part.strip() for part in value.split(","))
            value = ", ".join(words.of("position", part.lower(), part) for part in parts)
        elif key == "study_date":
            value = words.date(value)
        elif key == "birth_date":
            years = age(value, source.study_date)
            value = words.date(value)
            if years is not None:
                value = words("report.age", date=value, years=years)
        values.append((label, value or None))
    return values


def read_name(name: str | None) -> str | None:
    """A DICOM name as one reads it: its parts, which the header separates by carets, with commas."""
    return ", ".join(part.strip() for part in (name or "").split("^") if part.strip()) or None


def age(born: str | None, at: str | None) -> int | None:
    """Completed years between two ISO dates; None where one is missing or not a date."""
    try:
        first = date.fromisoformat((born or "")[:10])
        last = date.fromisoformat((at or "")[:10])
    except ValueError:
        return None
    years = last.year - first.year - ((last.month, last.day) < (first.month, first.day))
    return years if 0 <= years < 130 else None


def provenance_line(study: Study, words: Words) -> str:
    """What made this report, for the foot of each page."""
    facts = study.manifest
    none = words("report.none")
    return words(
        "provenance.footer",
        spinemorph=facts.get("spinemorph") or none,
        segmenter=facts.get("segmenter") or none,
        weights=str(facts.get("weights_sha256") or "")[:12] or none,
        device=facts.get("device") or none,
        date=analyzed_at(study, words),
        file=study.source.file,
        hash=study.source.sha256[:12],
    )


def provenance_rows(study: Study, words: Words) -> list[tuple[str, str]]:
    """Everything about the film and what made this report, unabridged."""
    source, facts = study.source, study.manifest
    size = words("provenance.size_value", rows=study.image.rows, columns=study.image.columns)
    values = {
        "file": source.file,
        "sha256": source.sha256,
        "patient_name": source.patient_name,
        "patient_id": source.patient_id,
        "institution": source.institution,
        "manufacturer": source.manufacturer,
        "description": source.description,
        "size": size,
        "spinemorph": facts.get("spinemorph"),
        "segmenter": facts.get("segmenter"),
        "weights": facts.get("weights_sha256"),
        "postprocessors": ", ".join(map(str, facts.get("postprocessors") or ())),
        "device": facts.get("device"),
        "date": analyzed_at(study, words),
    }
    rows = ((words(f"provenance.{key}"), str(value or "")) for key, value in values.items())
    return [(label, value) for label, value in rows if value]


def analyzed_at(study: Study, words: Words) -> str:
    """When the film was analysed; a dash where the study does not say."""
    when = str(study.manifest.get("analyzed_at") or "")
    if not when:
        return words("report.none")
    return words.date(when).replace("T", " ").replace("+00:00", " UTC").removesuffix("Z")


def _gathered(
    owners: Iterable[tuple[str, tuple[str, ...]]], said: set[str], words: Words
) -> list[str]:
    """One line a flag that was not said yet, led by all that carry it."""
    carriers: dict[str, dict[str, None]] = {}
    for name, codes in owners:
        for code in codes:
            if code not in said:
                carriers.setdefault(code, {})[name] = None
    return [f"{'; '.join(names)}: {words.flag(code)}" for code, names in carriers.items()]
