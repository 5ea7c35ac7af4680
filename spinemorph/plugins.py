"""Find plugins, load each inside a guard, and look descriptors up by name.

A plugin that cannot be used is reported with its distribution and left out; it never stops a
command that did not ask for it, and asking for it by name is an error that says what is wrong.
Nothing is chosen by the order of installation: a name that two plugins claim belongs to neither.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Final, Protocol, TypeVar

import pluggy

from spinemorph.errors import PluginError, UsageError
from spinemorph.hookspecs import (
    API,
    REPORT_OPTIONS,
    EvaluatorPlugin,
    LabelerPlugin,
    PostprocessorPlugin,
    ReportWriterPlugin,
    SegmenterPlugin,
    Specifications,
)

GROUP: Final = "spinemorph"

Descriptor = (
    SegmenterPlugin | LabelerPlugin | PostprocessorPlugin | EvaluatorPlugin | ReportWriterPlugin
)
D = TypeVar("D", bound=Descriptor)

#: Hook -> (the descriptor that it returns, the word for one of its kind).
HOOKS: Final[Mapping[str, tuple[type[Any], str]]] = {
    "spinemorph_segmenters": (SegmenterPlugin, "segmenter"),
    "spinemorph_labelers": (LabelerPlugin, "labeler"),
    "spinemorph_postprocessors": (PostprocessorPlugin, "postprocessor"),
    "spinemorph_evaluators": (EvaluatorPlugin, "evaluator"),
    "spinemorph_report_writers": (ReportWriterPlugin, "report writer"),
}

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]*")
_FILENAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True)
class Registered:
    """A usable descriptor and who brought it."""

    kind: str
    descriptor: Descriptor
    distribution: str
    version: str

    @property
    def owner(self) -> str:
        return f"{self.distribution} {self.version}".rstrip()


@dataclass(frozen=True)
class Broken:
    """A plugin that could not be used, and why; ``names`` are the words it may be asked for by."""

    distribution: str
    entry_point: str
    reason: str
    names: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.entry_point} of {self.distribution}: {self.reason}"


class _UnusableError(Exception):
    """Why a plugin is left out; ``names`` of the descriptors that it gave all the same."""

    def __init__(self, reason: str, names: tuple[str, ...] = ()) -> None:
        super().__init__(reason)
        self.names = names


class _Source(Protocol):
    """An entry point, or what stands for one in a test."""

    @property
    def name(self) -> str: ...
    def load(self) -> Any: ...


@dataclass(frozen=True)
class Plugins:
    """Everything that is installed: what can be used and what cannot."""

    registered: tuple[Registered, ...] = ()
    broken: tuple[Broken, ...] = ()

    def segmenter(self, name: str) -> SegmenterPlugin:
        return self._one(SegmenterPlugin, name)

    def labeler(self, name: str) -> LabelerPlugin:
        return self._one(LabelerPlugin, name)

    def report_writer(self, name: str) -> ReportWriterPlugin:
        return self._one(ReportWriterPlugin, name)

    def evaluator(self, name: str) -> EvaluatorPlugin:
        return self._one(EvaluatorPlugin, name)

    def evaluators(self) -> tuple[EvaluatorPlugin, ...]:
        """All evaluators by name; PluginError where a name is claimed twice."""
        return tuple(self._one(EvaluatorPlugin, name) for name in self.names(EvaluatorPlugin))

    def postprocessors(self) -> tuple[PostprocessorPlugin, ...]:
        """All postprocessors, each after those that provide what it needs."""
        names = self.names(PostprocessorPlugin)
        return ordered(tuple(self._one(PostprocessorPlugin, name) for name in names))

    def names(self, kind: type[Any]) -> tuple[str, ...]:
        """The names of one kind of descriptor, sorted, each once."""
        return tuple(sorted({each.descriptor.name for each in self._of(kind)}))

    def owner(self, descriptor: Descriptor) -> str:
        """The distribution (with version) that brought this descriptor."""
        found = (each.owner for each in self.registered if each.descriptor is descriptor)
        return next(found, "an unregistered plugin")

    def _of(self, kind: type[Any]) -> list[Registered]:
        return [each for each in self.registered if isinstance(each.descriptor, kind)]

    def _one(self, kind: type[D], name: str) -> D:
        word = next(word for type_, word in HOOKS.values() if type_ is kind)
        found = [each for each in self._of(kind) if each.descriptor.name == name]
        if len(found) == 1:
            descriptor = found[0].descriptor
            assert isinstance(descriptor, kind)  # noqa: S101  narrows the type; _of made it so
            return descriptor
        if found:
            owners = " and ".join(sorted(each.owner for each in found))
            raise PluginError(
                f"{word} {name!r} is claimed by {owners}: uninstall or rename one of them"
            )
        blamed = [each for each in self.broken if name in each.names]
        if blamed:
            raise PluginError(f"{word} {name!r} could not be loaded: {blamed[0]}")
        known = ", ".join(self.names(kind)) or "none is installed"
        hint = "".join(f"; not loaded: {each}" for each in self.broken)
        raise UsageError(f"unknown {word} {name!r}; known: {known}{hint}")


def load_plugins(sources: Iterable[_Source] | None = None) -> Plugins:
    """Load every plugin of the entry-point group ``spinemorph`` (or of ``sources``) in a guard."""
    manager = pluggy.PluginManager(GROUP)
    manager.add_hookspecs(Specifications)
    registered: list[Registered] = []
    broken: list[Broken] = []
    for source in sorted(entry_points(group=GROUP) if sources is None else sources, key=_order):
        distribution, version = _distribution(source)
        try:
            descriptors = _load(manager, source)
        except _UnusableError as error:
            names = (source.name, distribution, *_short(distribution), *error.names)
            broken.append(Broken(distribution, source.name, str(error), names))
        else:
            registered += [
                Registered(kind, each, distribution, version) for kind, each in descriptors
            ]
    return Plugins(tuple(registered), tuple(broken))


def ordered(plugins: tuple[PostprocessorPlugin, ...]) -> tuple[PostprocessorPlugin, ...]:
    """Postprocessors such that each comes after the providers of its needs; ties by name.

    PluginError where nobody provides a need, two provide the same, or the needs form a circle.
    """
    provider: dict[str, PostprocessorPlugin] = {}
    for plugin in plugins:
        for key in plugin.provides:
            if key in provider:
                both = f"{provider[key].name!r} and {plugin.name!r}"
                raise PluginError(f"postprocessors {both} both provide {key!r}")
            provider[key] = plugin
    for plugin in plugins:
        for key in plugin.needs:
            if key not in provider:
                raise PluginError(
                    f"postprocessor {plugin.name!r} needs {key!r}, which no postprocessor provides"
                )
    waiting = {plugin.name: plugin for plugin in sorted(plugins, key=lambda each: each.name)}
    done: dict[str, PostprocessorPlugin] = {}
    while waiting:
        ready = [
            name
            for name, plugin in waiting.items()
            if all(provider[key].name in done for key in plugin.needs)
        ]
        if not ready:
            raise PluginError(f"postprocessors need each other in a circle: {', '.join(waiting)}")
        done[ready[0]] = waiting.pop(ready[0])
    return tuple(done.values())


def _load(manager: pluggy.PluginManager, source: _Source) -> list[tuple[str, Descriptor]]:
    """Descriptors of one plugin with the word for their kind.

    _UnusableError where it breaks a rule; it then leaves no trace in the manager.
    """
    try:
        plugin = source.load()
    except (Exception, SystemExit) as error:
        raise _UnusableError(_words(error)) from error
    try:
        manager.register(plugin)
        manager.check_pending()
        if not manager.get_hookcallers(plugin):
            raise _UnusableError("it has no hook of spinemorph (is @spinemorph.hookimpl missing?)")
        return [
            (word, descriptor)
            for hook, (kind, word) in HOOKS.items()
            for descriptor in _call(manager, plugin, hook, kind)
        ]
    except Exception as error:
        if manager.is_registered(plugin):
            manager.unregister(plugin)
        if isinstance(error, _UnusableError):
            raise
        raise _UnusableError(_words(error)) from error


def _call(manager: pluggy.PluginManager, plugin: Any, hook: str, kind: type[Any]) -> list[Any]:
    """What this plugin alone returns for ``hook``, checked."""
    found: list[Any] = []
    for implementation in getattr(manager.hook, hook).get_hookimpls():
        if implementation.plugin is not plugin:
            continue
        if implementation.wrapper or implementation.hookwrapper:
            raise _UnusableError(f"{hook} is a wrapper: a plugin may not change what others return")
        try:
            result = implementation.function()
        except (Exception, SystemExit) as error:
            raise _UnusableError(f"{hook} failed: {_words(error)}") from error
        if not isinstance(result, list):
            raise _UnusableError(f"{hook} returned a {type(result).__name__}, expected a list")
        names = tuple(str(getattr(each, "name", "")) for each in result)
        for each in result:
            fault = _fault(each, kind)
            if fault:
                raise _UnusableError(f"{hook}: {fault}", names)
        found += result
    return found


def _fault(descriptor: Any, kind: type[Any]) -> str | None:
    """What is wrong with a descriptor, or None."""
    if not isinstance(descriptor, kind):
        return f"expected {kind.__name__}, got {type(descriptor).__name__}"
    name, api = descriptor.name, descriptor.api
    if not (isinstance(name, str) and _NAME.fullmatch(name)):
        return f"{name!r} is not a name (small letters, digits, '.', '_' and '-')"
    if api != API:
        return f"{name!r} is made for api {api!r}, this spinemorph has api {API}"
    if not callable(descriptor.create):
        return f"create of {name!r} cannot be called"
    if isinstance(descriptor, ReportWriterPlugin) and not _FILENAME.fullmatch(descriptor.filename):
        return f"{descriptor.filename!r} of {name!r} is not the name of a file"
    for field in ("needs", "provides", "metrics", "options"):
        if not isinstance(getattr(descriptor, field, ()), tuple):
            return f"{field} of {name!r} must be a tuple of names"
    unknown = set(getattr(descriptor, "options", ())) - set(REPORT_OPTIONS)
    if unknown:
        known = ", ".join(REPORT_OPTIONS)
        return f"{name!r} asks for the option {min(map(str, unknown))!r}; known: {known}"
    return None


def _order(source: _Source) -> tuple[str, str]:
    return _distribution(source)[0], source.name


def _distribution(source: _Source) -> tuple[str, str]:
    """Name and version of the distribution that an entry point belongs to."""
    if isinstance(source, EntryPoint) and source.dist is not None:
        return source.dist.name, source.dist.version
    return str(getattr(source, "distribution", "unknown distribution")), ""


def _short(distribution: str) -> tuple[str, ...]:
    """``spinemorph-mine`` is also asked for as ``mine``."""
    short = distribution.removeprefix("spinemorph-")
    return (short,) if short != distribution else ()


def _words(error: BaseException) -> str:
    """An exception as one line."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
