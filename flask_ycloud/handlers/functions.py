"""The function of a handler: its name, its code, and the values that it holds.

Python compares functions by identity, which is too strict for a module that was loaded
again. A comparison by name is too lax for a loop that makes several functions.
"""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

from ..errors import ConfigurationError

Function = Callable[..., Any]

_MAIN = ("__main__", "__mp_main__")
_BY_IDENTITY: Any = object.__eq__


def name_of(func: Function) -> str:
    """``module:qualname``, which is the same in every process.

    :raises ConfigurationError: if it has no name of its own.
    """
    try:
        return f"{_module_of(func)}:{func.__qualname__}"
    except AttributeError:
        raise ConfigurationError(
            f"A handler of type {type(func).__name__} has no name of its own. Give it"
            " one: @on_event(…, name='…')."
        ) from None


def spoken_name_of(func: Function) -> str:
    """The name for a message: of the function, or of its class."""
    named = func if hasattr(func, "__qualname__") else type(func)
    return f"{_module_of(named)}:{named.__qualname__}"


def code_of(func: Function) -> object:
    """The code below decorators; the function itself if it has no code."""
    *_, inmost = _layers(func)
    return getattr(inmost, "__code__", inmost)


def is_defined_again(earlier: Function, later: Function) -> bool:
    """Whether the source of ``earlier`` was run again and has defined ``later``.

    This happens with ``importlib.reload``, a notebook cell that is run again, and a module
    that was imported under two names. Two functions with one name in the same source are
    different functions.
    """
    old, new = code_of(earlier), code_of(later)
    if not isinstance(old, CodeType) or not isinstance(new, CodeType):
        return False
    if _qualname(earlier) != _qualname(later):
        return False
    if old.co_filename != new.co_filename and not _is_interactive(later):
        return False
    if old != new and _is_interactive(later) and new.co_name == "<lambda>":
        return False  # each cell may have a lambda of its own
    return _runs_again(old, new, later)


def is_same_source(earlier: Function, later: Function) -> bool:
    """Whether two functions come from the same place in a file that was run twice."""
    old, new = code_of(earlier), code_of(later)
    return (
        isinstance(old, CodeType)
        and isinstance(new, CodeType)
        and old is not new
        and (old, old.co_filename) == (new, new.co_filename)
        and not _is_interactive(later)
    )


def hold_the_same(earlier: Function, later: Function, *, alike: bool = False) -> bool:
    """Whether two functions of one code hold equal values.

    They hold defaults, variables of the function around them, the object of a method and
    the arguments of a partial.

    :param alike: treat two objects of a class without ``==`` as equal: an app factory that
        is called twice makes two of each.
    """
    old, new = list(_held(earlier)), list(_held(later))
    return len(old) == len(new) and all(
        _are_equal(*pair, alike=alike) for pair in zip(old, new, strict=True)
    )


def _module_of(func: Function) -> str:
    """The name under which others import its module, also of the main program."""
    name = func.__module__
    main = sys.modules.get(name) if name in _MAIN else None
    spec = getattr(main, "__spec__", None)
    file = getattr(main, "__file__", None)
    if spec is not None:  # python -m
        return str(spec.name)
    return name if file is None else _imported_as(file)


def _imported_as(file: str) -> str:
    for name, module in list(sys.modules.items()):
        if name not in _MAIN and getattr(module, "__dict__", {}).get("__file__") == file:
            return name
    return Path(file).stem


def _is_interactive(func: Function) -> bool:
    """Whether it was typed in, where each input of a notebook is a file of its own."""
    return _module_of(func) in _MAIN


def _layers(func: Any) -> Iterator[Any]:
    """The function, and those inside it: below decorators, partials and methods."""
    seen: set[int] = set()
    while func is not None and id(func) not in seen:
        seen.add(id(func))
        yield func
        func = _inside(func)


def _inside(func: Any) -> Any:
    for name in ("__wrapped__", "__func__"):
        if (inner := getattr(func, name, None)) is not None:
            return inner
    if isinstance(func, functools.partial):
        return func.func
    if inspect.isroutine(func) or inspect.isclass(func):
        return None
    return getattr(type(func), "__call__", None)  # noqa: B004  (the function, not whether it exists)


def _held(func: Any) -> Iterator[Any]:
    for layer in _layers(func):
        if isinstance(layer, functools.partial):
            yield from (*layer.args, *chain(*layer.keywords.items()))
        elif inspect.ismethod(layer):
            yield layer.__self__
        elif inspect.isfunction(layer):
            yield from layer.__defaults__ or ()
            yield from chain(*(layer.__kwdefaults__ or {}).items())
            yield from map(_content, layer.__closure__ or ())
        elif not inspect.isroutine(layer):
            yield layer  # an object that can be called


def _content(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # not assigned yet
        return cell


def _are_equal(old: Any, new: Any, *, alike: bool) -> bool:
    if old is new:
        return True
    if type(old) is not type(new):
        return False
    if inspect.isroutine(old):
        return code_of(old) == code_of(new)
    if type(old).__eq__ is _BY_IDENTITY:
        return alike
    try:
        return bool(old == new)
    except Exception:  # such as of arrays
        return alike


def _qualname(func: Function) -> str | None:
    *_, inmost = _layers(func)
    return getattr(inmost, "__qualname__", None)


def _runs_again(old: CodeType, new: CodeType, later: Function) -> bool:
    """Whether the source that defines ``new`` now does not define ``old`` as well."""
    sources = [ids for ids in map(_ids_of_codes_in, _stack()) if id(new) in ids]
    if sources:
        return not any(id(old) in ids for ids in sources)
    return _is_found_in_its_module(later)  # it was defined earlier, and is subscribed now


def _stack() -> Iterator[CodeType]:
    frame: FrameType | None = sys._getframe()
    while frame is not None:
        yield frame.f_code
        frame = frame.f_back


def _ids_of_codes_in(code: CodeType) -> set[int]:
    found = {id(each): each for each in code.co_consts if isinstance(each, CodeType)}
    return set(found).union(*map(_ids_of_codes_in, found.values()))


def _is_found_in_its_module(func: Function) -> bool:
    *_, inmost = _layers(func)
    found: Any = sys.modules.get(inmost.__module__)
    for name in inmost.__qualname__.split("."):
        found = getattr(found, name, None)
    return found is not None and code_of(found) is code_of(func)
