"""How does JSON become the value types again? By the type hints of `indexer.answers`; the inverse of its `to_json`.

Standard library only, so that the client stays light. Not here: how answers travel (`search_api.client`).
"""

from __future__ import annotations

import dataclasses
import types
from functools import lru_cache
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

Value = TypeVar("Value")


def from_json(kind: type[Value], data: Any) -> Value:
    """The value of dataclass `kind` that `data` describes; fields this version does not know are ignored.

    Raises ValueError where a field is missing or of another type, naming it: `spans.0.start: got str, wanted int`.
    """
    value: Value = _convert(kind, data, "")
    return value


def _convert(kind: Any, data: Any, where: str) -> Any:
    if dataclasses.is_dataclass(kind):
        return _dataclass(kind, data, where)
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return None if data is None else _convert(next(each for each in arguments if each is not type(None)), data, where)
    if origin is tuple:
        items = _checked(list, data, where)
        return tuple(_convert(arguments[0], item, f"{where}.{position}") for position, item in enumerate(items))
    if origin is dict:
        return {key: _convert(arguments[1], item, f"{where}.{key}") for key, item in _checked(dict, data, where).items()}
    if origin is Literal:
        return _checked(str, data, where)  # not compared: a later server may know more values
    return _checked(kind, data, where)


def _dataclass(kind: Any, data: Any, where: str) -> Any:
    given = _checked(dict, data, where)
    hints = _hints(kind)
    values = {}
    for field in dataclasses.fields(kind):
        place = f"{where}.{field.name}" if where else field.name
        if field.name in given:
            values[field.name] = _convert(hints[field.name], given[field.name], place)
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            raise ValueError(f"{place}: missing")
    return kind(**values)


def _checked(kind: Any, data: Any, where: str) -> Any:
    if kind is float and isinstance(data, int) and not isinstance(data, bool):
        return float(data)
    if not isinstance(data, kind) or (kind is int and isinstance(data, bool)):
        raise ValueError(f"{where or 'answer'}: got {type(data).__name__}, wanted {kind.__name__}")
    return data


@lru_cache(maxsize=64)
def _hints(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind)
