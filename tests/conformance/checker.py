"""Holds raw JSON against a type of the SDK, strictly: its models themselves accept anything."""

import types
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel

PLAIN: dict[Any, tuple[type, ...]] = {str: (str,), bool: (bool,), int: (int,), float: (int, float)}
ANYTHING = (Any, object)


def complaints(expected: Any, value: Any, where: str = "") -> list[str]:
    """What is missing, of another type or not among the literals; empty when all is as the type says."""
    return list(_complaints(_bare(expected), value, where or "$"))


def additions(expected: Any, value: Any) -> set[str]:
    """`Model.field` of the fields that the SDK's types do not have."""
    return set(_additions(_bare(expected), value))


def _complaints(expected: Any, value: Any, where: str) -> Iterator[str]:
    if expected in ANYTHING:
        return
    match get_origin(expected):
        case origin if origin is Literal:
            if not any(value == allowed and type(value) is type(allowed) for allowed in get_args(expected)):
                yield f"{where}: {value!r} is none of {get_args(expected)}"
        case origin if origin in {Union, types.UnionType}:
            yield from _of_union(get_args(expected), value, where)
        case origin if origin is list:
            yield from _of_list(get_args(expected), value, where)
        case origin if origin is dict:
            yield from _of_dict(get_args(expected), value, where)
        case _:
            yield from _of_class(expected, value, where)


def _of_class(expected: Any, value: Any, where: str) -> Iterator[str]:
    if isinstance(expected, type) and issubclass(expected, BaseModel):
        yield from _of_model(expected, value, where)
    elif expected is datetime:
        if not _is_time(value):
            yield f"{where}: {value!r} is not a time with its zone"
    elif expected is type(None):
        if value is not None:
            yield f"{where}: {value!r} is not null"
    elif expected is list or expected is dict:
        if not isinstance(value, expected):
            yield f"{where}: {value!r} is not a {expected.__name__}"
    elif type(value) not in PLAIN[expected]:
        yield f"{where}: {value!r} is not of type {expected.__name__}"


def _of_model(model: type[BaseModel], value: Any, where: str) -> Iterator[str]:
    if not isinstance(value, Mapping):
        yield f"{where}: {value!r} is not an object like {model.__name__}"
        return
    for name, field in model.model_fields.items():
        key = field.alias or name
        if key in value:
            yield from _complaints(_bare(field.annotation), value[key], f"{where}.{key}")
        elif field.is_required():
            yield f"{where}.{key}: is missing, and {model.__name__} requires it"


def _of_union(members: tuple[Any, ...], value: Any, where: str) -> Iterator[str]:
    """Of objects the member with the value's `type`; of anything else whichever takes it."""
    found, kind = _member(members, value)
    if found is not None:
        yield from _complaints(found, value, where)
    elif kind is not None:
        yield f"{where}: no member of the union has the type {kind!r}"
    else:
        each = [list(_complaints(_bare(member), value, where)) for member in members]
        if all(each):
            yield min(each, key=len)[0]


def _member(members: tuple[Any, ...], value: Any) -> tuple[Any, Any]:
    """The one whose `type` is the value's, and that type where members have such."""
    if not isinstance(value, Mapping):
        return None, None
    by_type = {kind: member for member in _flat(members) for kind in _types_of(member)}
    kind = value.get("type")
    return (by_type.get(kind), kind) if by_type else (None, None)


def _flat(members: tuple[Any, ...]) -> Iterator[Any]:
    for member in map(_bare, members):
        if get_origin(member) in {Union, types.UnionType}:
            yield from _flat(get_args(member))
        else:
            yield member


def _types_of(member: Any) -> tuple[Any, ...]:
    if not (isinstance(member, type) and issubclass(member, BaseModel)) or "type" not in member.model_fields:
        return ()
    annotation = member.model_fields["type"].annotation
    return tuple(
        kind for part in (get_args(annotation) or ()) for kind in (get_args(part) if get_origin(part) else (part,))
    )


def _of_list(of: tuple[Any, ...], value: Any, where: str) -> Iterator[str]:
    if not isinstance(value, list):
        yield f"{where}: {value!r} is not a list"
        return
    for place, each in enumerate(value):
        yield from _complaints(_bare(of[0]), each, f"{where}[{place}]")


def _of_dict(of: tuple[Any, ...], value: Any, where: str) -> Iterator[str]:
    if not isinstance(value, Mapping):
        yield f"{where}: {value!r} is not an object"
        return
    for key, each in value.items():
        yield from _complaints(_bare(of[1]), each, f"{where}.{key}")


def _additions(expected: Any, value: Any) -> Iterator[str]:
    if get_origin(expected) in {Union, types.UnionType}:
        found, _ = _member(get_args(expected), value)
        models = [member for member in _flat(get_args(expected)) if _is_model(member)]
        expected = found or (models[0] if len(models) == 1 else expected)
    if isinstance(value, list) and get_origin(expected) is list:
        for each in value:
            yield from _additions(_bare(get_args(expected)[0]), each)
    elif _is_model(expected) and isinstance(value, Mapping):
        known = {field.alias or name: field for name, field in expected.model_fields.items()}
        for key, each in value.items():
            if key in known:
                yield from _additions(_bare(known[key].annotation), each)
            else:
                yield f"{expected.__name__}.{key}"


def _is_model(expected: Any) -> bool:
    return isinstance(expected, type) and issubclass(expected, BaseModel)


def _bare(expected: Any) -> Any:
    """Without its annotations."""
    while get_origin(expected) is Annotated:
        expected = get_args(expected)[0]
    return expected


def _is_time(value: Any) -> bool:
    try:
        return isinstance(value, str) and datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return False
