"""What ``analyze --store`` does beside its reports: films that are known, results that are kept."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from spinemorph.cli.store_options import required_key
from spinemorph.errors import StoreError, UsageError
from spinemorph.pipeline import Analysis

if TYPE_CHECKING:
    from spinemorph.store.store import Store


class Keeper:
    """A store during a batch; ``known`` and ``keep`` may be called from different threads."""

    def __init__(self, store: Store, *, reanalyze: bool) -> None:
        self._store, self._reanalyze = store, reanalyze
        self._only_bones = store.pseudonymized

    def known(self, path: Path) -> str | None:
        """Why a film need not be analysed again; None where it should be."""
        if self._reanalyze:
            return None
        try:
            with path.open("rb") as stream:
                sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
        except OSError:
            return None  # reading it will say why
        results = list(self._store.entries(film=sha256))
        if not results:
            return None
        self._store.film_is_at(sha256, path)
        made = {f"spinemorph {each.spinemorph} {each.segmenter}" for each in results}
        return (
            f"already in the store as {results[-1].id} ({', '.join(sorted(made))}); "
            "--reanalyze analyses it again"
        )

    def keep(self, path: Path, analysis: Analysis) -> None:
        """Add a result; StoreError where it could not be stored."""
        from spinemorph.report.json_writer import study_to_dict
        from spinemorph.store.thumbnail import thumbnail

        study = analysis.study
        picture = thumbnail(analysis.radiograph, study, only_bones=self._only_bones)
        self._store.add(study_to_dict(study), film=path, thumbnail=picture)

    def close(self) -> None:
        """Let go of the store."""
        self._store.close()


def keeper(
    place: str | None, *, pseudonymize: bool, key_file: Path | None, reanalyze: bool
) -> Keeper | None:
    """The keeper for the options of ``analyze``; faults are found before any film is read."""
    if place is None:
        if pseudonymize or key_file is not None or reanalyze:
            raise UsageError("--pseudonymize, --key-file and --reanalyze need --store")
        return None
    return Keeper(
        open_for_adding(place, pseudonymize=pseudonymize, key_file=key_file), reanalyze=reanalyze
    )


def open_for_adding(place: str, *, pseudonymize: bool, key_file: Path | None) -> Store:
    """The store, made where there is none, in the form that the options ask for."""
    from spinemorph.store import open_store

    if key_file is not None and not pseudonymize:
        raise UsageError("--key-file is given, but not --pseudonymize: identifiers would be clear")
    key = required_key(key_file) if pseudonymize else None
    store = open_store(place, key=key, create=True)
    try:
        store.require_form()
    except StoreError:
        store.close()
        raise
    return store
