"""Whether a JSON value is what LSP's meta-model says: a strict walk over lsprotocol's types.

lsprotocol generates its types from the meta-model (3.18, which holds 3.17) and reads messages
leniently: it drops unknown properties, and lets null and absent be the same. Here nothing is
dropped. It knows types, and nothing of conversations (`conformance`).
"""

from __future__ import annotations

import types as python
from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from functools import cache
from typing import (
    Any,
    Literal,
    NotRequired,
    Union,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

import attrs
from lsprotocol import converters
from lsprotocol import types as lsp

converters.get_converter()  # Resolves the forward references of all types.

SHOWN = 60
"""So many characters of a wrong value are told."""

Type = Any
"""A type as annotations have it: a class, a union, a generic alias."""

_MAY_BE_ABSENT = {
    ("InitializeParams", "root_path"),
    ("InitializeParams", "workspace_folders"),
    ("SignatureHelp", "active_parameter"),
    ("SignatureInformation", "active_parameter"),
}
"""Where the meta-model has `name?: T | null`; lsprotocol tells it from `name: T | null` nowhere."""


def breaches(value: object, kind: Type, path: str = "") -> Iterator[str]:
    """Yield what is not as the type has it, as `path: expected ..., got ...`."""
    if kind in {Any, object} or kind is lsp.LSPObject:
        return
    if get_origin(kind) is not None:
        yield from _of_generic(value, get_origin(kind), get_args(kind), path)
    elif is_typeddict(kind):
        yield from _of_typed_dict(value, kind, path)
    elif attrs.has(kind):
        yield from _of_structure(value, kind, path)
    elif isinstance(kind, type) and issubclass(kind, Enum):
        # 1 is no bool here, and True no 1.
        if (type(value), value) not in [(type(member.value), member.value) for member in kind]:
            yield _wrong(path, f"a value of {kind.__name__}", value)
    else:
        yield from _of_primitive(value, kind, path)


def json_name(name: str) -> str:
    """Return a property's name in JSON."""
    first, *rest = name.removesuffix("_").split("_")
    return first + "".join(part.title() for part in rest)


def _of_generic(value: object, origin: Type, kinds: Sequence[Type], path: str) -> Iterator[str]:
    if origin in {Union, python.UnionType}:
        yield from _of_union(value, kinds, path)
    elif origin is Literal:
        if value not in kinds:
            yield _wrong(path, f"one of {kinds}", value)
    elif origin is tuple:
        yield from _of_tuple(value, kinds, path)
    elif issubclass(origin, Mapping):
        yield from _of_mapping(value, kinds, path)
    else:
        yield from _of_sequence(value, kinds[0], path)


def _of_union(value: object, kinds: Sequence[Type], path: str) -> Iterator[str]:
    """Yield the breaches of the kind that fits best: the fewest, and those far inside it."""
    tried = [list(breaches(value, kind, path)) for kind in kinds]
    # A wrong value as such is told only where no kind gets any further.
    yield from min(tried, key=lambda found: (_is_at(found, path), len(found)))


def _is_at(found: Sequence[str], path: str) -> bool:
    """Return whether a breach is about the value itself, and not about something in it."""
    return any(breach.startswith(f"{path or 'the message'}: ") for breach in found)


def _of_tuple(value: object, kinds: Sequence[Type], path: str) -> Iterator[str]:
    if not isinstance(value, list) or len(value) != len(kinds):
        yield _wrong(path, f"a list of {len(kinds)}", value)
        return
    for n, (item, kind) in enumerate(zip(value, kinds, strict=True)):
        yield from breaches(item, kind, f"{path}[{n}]")


def _of_sequence(value: object, kind: Type, path: str) -> Iterator[str]:
    if not isinstance(value, list):
        yield _wrong(path, "a list", value)
        return
    for n, item in enumerate(value):
        yield from breaches(item, kind, f"{path}[{n}]")


def _of_mapping(value: object, kinds: Sequence[Type], path: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield _wrong(path, "an object", value)
        return
    for name, item in value.items():
        yield from breaches(item, kinds[1], f"{path}[{name!r}]")


def _of_typed_dict(value: object, kind: Type, path: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield _wrong(path, "an object", value)
        return
    hints = get_type_hints(kind, include_extras=True)
    for name, hint in hints.items():
        optional = get_origin(hint) is NotRequired
        if name in value:
            inner = get_args(hint)[0] if optional else hint
            yield from breaches(value[name], inner, _under(path, name))
        elif not optional:
            yield f"{_under(path, name)}: expected by {kind.__name__}, absent"
    for name in value.keys() - hints.keys():
        yield f"{_under(path, name)}: {kind.__name__} has no such property"


def _of_structure(value: object, kind: Type, path: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield _wrong(path, f"an object ({kind.__name__})", value)
        return
    properties = _properties(kind)
    for name in value.keys() - properties.keys():
        yield f"{_under(path, name)}: {kind.__name__} has no such property"
    for name, attribute in properties.items():
        here = _under(path, name)
        if name not in value:
            if _is_required(kind, attribute):
                yield f"{here}: expected by {kind.__name__}, absent"
        elif value[name] is None and _null_is_absent(kind, attribute):
            yield f"{here}: expected to be absent where there is none, got null"
        else:
            found = list(breaches(value[name], attribute.type, here))
            yield from found or _of_validator(value[name], attribute, here)


def _of_validator(value: object, attribute: attrs.Attribute[Any], path: str) -> Iterator[str]:
    """Ask what lsprotocol asks beside the type: limits of numbers, words that have one value."""
    if attribute.validator is None or isinstance(value, (dict, list)):
        return
    try:
        attribute.validator(None, attribute, value)
    except (TypeError, ValueError):
        yield _wrong(path, "a value within the limits of its kind", value)


def _of_primitive(value: object, kind: Type, path: str) -> Iterator[str]:
    right: tuple[type, ...]
    match kind:
        case python.NoneType | None:
            right = (python.NoneType,)
        case _ if kind is float:
            right = (int, float)
        case _:
            right = (kind,)
    if type(value) not in right:
        name = "null" if right == (python.NoneType,) else kind.__name__
        yield _wrong(path, name, value)


@cache
def _properties(kind: Type) -> dict[str, attrs.Attribute[Any]]:
    return {json_name(attribute.name): attribute for attribute in attrs.fields(kind)}


def _is_required(kind: Type, attribute: attrs.Attribute[Any]) -> bool:
    """Return whether absence is a breach; a default other than None is the one right value."""
    if attribute.default is attrs.NOTHING or attribute.default is not None:
        return True
    return _is_special(kind, attribute) and (kind.__name__, attribute.name) not in _MAY_BE_ABSENT


def _null_is_absent(kind: Type, attribute: attrs.Attribute[Any]) -> bool:
    if Any in get_args(attribute.type) or attribute.default is not None:
        return False
    return not _is_special(kind, attribute)


def _is_special(kind: Type, attribute: attrs.Attribute[Any]) -> bool:
    return attribute.name in _special(kind)


@cache
def _special(kind: Type) -> frozenset[str]:
    """Return the properties whose null has a meaning of its own."""
    names = [attribute.name for attribute in attrs.fields(kind)]
    return frozenset(name for name in names if lsp.is_special_property(kind, name))


def _under(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _wrong(path: str, expected: str, value: object) -> str:
    shown = repr(value)
    shown = shown if len(shown) <= SHOWN else f"{shown[:SHOWN]}..."
    return f"{path or 'the message'}: expected {expected}, got {shown}"
