"""Which function is which handler: loops, factories, reloads, modules loaded twice."""

from __future__ import annotations

import functools
import importlib
import importlib.machinery
import logging
import subprocess
import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from flask_ycloud import ConfigurationError, Event, on_event, parse_event
from flask_ycloud.handlers import everywhere, handlers_for
from flask_ycloud.handlers.functions import code_of, name_of

from ..conftest import MakeApp
from ..support import body_of

APP = Flask(__name__)
TYPE, OTHER = "sms.message.updated", "contact.created"

IN_A_LOOP = "registered already, by the same code with other values.*name="
OTHER_TYPES = "registered already, for other event types.*name="
OTHER_CODE = "registered already, with other code.*name="


def names(event_type: str = TYPE) -> list[str]:
    return list(handlers_for(APP, event_type, everywhere))


def results(event_type: str = TYPE) -> list[Any]:
    """What each handler of the type returns."""
    event = parse_event(body_of(event_type))
    return [
        each(APP, event=event)
        for each in handlers_for(APP, event_type, everywhere).values()
    ]


# The same ``def`` runs again.


def forward(url: str, *types: str, name: str | None = None) -> None:
    @on_event(*types, name=name)
    def to_url(event: Event) -> str:
        return url


def test_a_factory_of_handlers_for_other_types_is_refused() -> None:
    forward("https://a.example", TYPE)
    with pytest.raises(ConfigurationError, match=OTHER_TYPES):
        forward("https://b.example", OTHER)
    assert results() == ["https://a.example"]


def test_a_factory_of_handlers_with_other_values_is_refused() -> None:
    forward("https://a.example", TYPE)
    with pytest.raises(ConfigurationError, match=IN_A_LOOP):
        forward("https://b.example", TYPE)
    forward("https://a.example", TYPE)


def test_its_remedy_works() -> None:
    forward("https://a.example", TYPE, name="a")
    forward("https://b.example", TYPE, name="b")
    assert results() == ["https://a.example", "https://b.example"]
    with pytest.raises(ConfigurationError, match=IN_A_LOOP):
        forward("https://c.example", TYPE, name="b")


def test_lambdas_in_a_loop_are_refused() -> None:
    def add_all(*types: str) -> None:
        for number, each in enumerate(types):
            on_event(each)(lambda event, *, number=number: number)

    with pytest.raises(ConfigurationError, match=OTHER_TYPES):
        add_all(TYPE, OTHER)
    with pytest.raises(ConfigurationError, match=IN_A_LOOP):
        add_all(TYPE, TYPE)
    assert results() == [0]


def test_a_loop_at_one_type_with_nothing_of_its_own_is_one_handler() -> None:
    for _ in range(2):
        on_event(TYPE)(lambda event: None)
    assert len(names()) == 1


def test_fewer_types_would_lose_one() -> None:
    def add(*types: str) -> None:
        @on_event(*types)
        def handle(event: Event) -> None: ...

    add(TYPE, OTHER)
    with pytest.raises(ConfigurationError, match=OTHER_TYPES):
        add(TYPE)


class Service:
    def __init__(self, name: str) -> None:
        self.name = name

    def handle(self, event: Event) -> str:
        return self.name

    def __call__(self, event: Event) -> str:
        return self.name


def test_bound_methods_of_two_objects() -> None:
    first, second = Service("first"), Service("second")
    on_event(TYPE)(first.handle)
    on_event(OTHER)(first.handle)  # as two decorators
    with pytest.raises(ConfigurationError, match=IN_A_LOOP):
        on_event(TYPE)(second.handle)
    on_event(TYPE, name="second")(second.handle)
    assert results() == ["first", "second"]
    assert results(OTHER) == ["first"]
    assert names()[0] == f"{__name__}:Service.handle"


def test_objects_that_can_be_called() -> None:
    with pytest.raises(ConfigurationError, match="type Service has no name of its own"):
        on_event(TYPE)(Service("first"))
    on_event(TYPE, name="one")(Service("first"))
    with pytest.raises(ConfigurationError, match=IN_A_LOOP):
        on_event(TYPE, name="one")(Service("second"))


def test_partials() -> None:
    def handle(value: int, event: Event, **more: int) -> tuple[int, dict[str, int]]:
        return value, more

    on_event(TYPE, name="one")(functools.partial(handle, 1, x=1))
    on_event(TYPE, name="one")(functools.partial(handle, 1, x=1))
    for other in (functools.partial(handle, 2, x=1), functools.partial(handle, 1, x=2)):
        with pytest.raises(ConfigurationError, match=IN_A_LOOP):
            on_event(TYPE, name="one")(other)
    assert results() == [(1, {"x": 1})]
    for _ in range(2):
        on_event(OTHER, name="two")(functools.partial(print, end=""))


def test_builtins_have_no_code_to_compare() -> None:
    kept: list[Any] = []
    on_event(TYPE, name="one")(kept.append)
    on_event(TYPE, name="one")(kept.append)
    with pytest.raises(ConfigurationError, match=OTHER_CODE):
        on_event(TYPE, name="one")([1].append)


def logged(func: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(func)
    def wrapper(event: Event) -> Any:
        return func(event)

    return wrapper


def through(func: Callable[..., Any]) -> Callable[..., Any]:
    def inner(event: Event) -> Any:
        return func(event)

    return inner


def test_a_decorator_tells_nothing_about_whose_code_it_is() -> None:
    @logged
    def one(event: Event) -> int:
        return 1

    @logged
    def two(event: Event) -> int:
        return 2

    on_event(TYPE)(one)
    on_event(TYPE)(two)
    assert results() == [1, 2]
    assert code_of(one) is not code_of(two)


def test_functions_that_a_handler_holds_are_told_apart_by_their_code() -> None:
    for _ in range(2):
        on_event(TYPE)(through(lambda event: 1))
    with pytest.raises(ConfigurationError, match=IN_A_LOOP):
        on_event(TYPE)(through(lambda event: 2))
    assert results() == [1]


class Odd:
    """As an array: ``==`` gives no truth value."""

    def __eq__(self, other: object) -> bool:
        raise ValueError

    __hash__ = None  # type: ignore[assignment]


@pytest.mark.parametrize("value", [object, Odd, list, lambda: 1.5])
def test_an_app_factory_that_is_called_twice(
    make_app: MakeApp, value: Callable[[], Any]
) -> None:
    """Its handlers hold the app, or a client: each app has its own."""

    def create_app() -> None:
        app, held = make_app(), value()

        @on_event(OTHER)
        @on_event(TYPE)
        @logged
        def handle(event: Event) -> Any:
            return app, held

        kept.append((app, held))

    kept: list[Any] = []
    create_app()
    create_app()
    [(app, held)] = results()
    assert app is kept[1][0]
    assert held is kept[1][1]
    assert results(OTHER) != []


def test_an_app_factory_with_other_values_says_that_it_means_the_same(
    make_app: MakeApp,
) -> None:
    forward("https://a.example", TYPE)
    forward("https://a.example", TYPE, name="mine")
    make_app()
    with pytest.raises(ConfigurationError, match=IN_A_LOOP):
        forward("https://b.example", TYPE)
    forward("https://b.example", TYPE, OTHER, name="mine")
    assert results() == ["https://a.example", "https://b.example"]


def test_a_variable_that_is_assigned_later() -> None:
    def add() -> None:
        @on_event(TYPE)
        def handle(event: Event) -> int:
            return later

        later = 1

    add()
    with pytest.raises(ConfigurationError, match=IN_A_LOOP):
        add()


# The source runs again.


def run(source: str, file: str = "notebook", module: str = "a_notebook") -> None:
    exec(compile(source, file, "exec"), {"__name__": module, "on_event": on_event})


@pytest.fixture
def typed_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """The main program is a notebook."""
    monkeypatch.setitem(sys.modules, "__main__", types.ModuleType("__main__"))


def test_the_same_cell_one_line_lower() -> None:
    for above in ("", "\n"):
        run(f"{above}def h(event): return {above!r}\non_event('sms.*')(h)")
    assert results() == ["\n"]


def test_an_edited_cell_in_a_notebook(typed_in: None) -> None:
    """Each run of a cell has a file name of its own."""
    for number, types_ in enumerate(["'sms.*'", f"'{TYPE}', '{OTHER}'"]):
        source = f"@on_event({types_})\ndef h(event): return {number}"
        run(source, f"cell_{number}.py", "__main__")
    assert (results(), results(OTHER)) == ([1], [1])
    assert names() == ["__main__:h"]


def test_lambdas_of_two_cells(typed_in: None) -> None:
    for _ in range(2):
        run("on_event('sms.*')(lambda event: 1)", "cell_1", "__main__")
    with pytest.raises(ConfigurationError, match=OTHER_CODE):
        run("on_event('contact.*')(lambda event: 2)", "cell_2", "__main__")


@pytest.mark.parametrize(
    "source",
    [
        "@on_event('sms.*')\ndef h(event): 1\n@on_event('contact.*')\ndef h(event): 2",
        "on_event('sms.*')(lambda event: 1)\non_event('contact.*')(lambda event: 2)",
        "def f():\n @on_event('sms.*')\n def h(event): 1\nf()\n"
        "def f():\n @on_event('sms.*')\n def h(event): 2\nf()",
    ],
)
def test_two_of_a_name_in_one_source_are_two(source: str) -> None:
    with pytest.raises(ConfigurationError, match=OTHER_CODE):
        run(source)


def test_another_file_or_name_is_another_handler() -> None:
    source = "@on_event('sms.*', name='one')\ndef {}(event): return {}"
    run(source.format("h", 1))
    for other in ((source.format("g", 2), "notebook"), (source.format("h", 3), "other")):
        with pytest.raises(ConfigurationError, match=OTHER_CODE):
            run(*other)
    assert results() == [1]


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder for modules, on the path."""
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]


def test_a_module_that_was_edited_and_reloaded(shop: Path) -> None:
    file = shop / "shop_handlers.py"
    source = "from flask_ycloud import on_event\n@on_event({})\ndef h(event): return {}"
    file.write_text(source.format("'sms.*'", 1))
    module = importlib.import_module("shop_handlers")
    file.write_text("# longer\n" + source.format(f"'{TYPE}'", 2))
    importlib.reload(module)
    assert results() == [2]
    assert names("sms.inbound.received") == []


def test_what_was_reloaded_may_be_subscribed_elsewhere(shop: Path) -> None:
    file = shop / "shop_handlers.py"
    source = "class Shop:\n @staticmethod\n def h(event): return {}\n"
    source += "others = [lambda event: 1, lambda event: 2]"
    file.write_text(source.format(1))
    module = importlib.import_module("shop_handlers")
    on_event(TYPE)(module.Shop.h)
    file.write_text("# longer\n" + source.format(2))
    importlib.reload(module)
    on_event(TYPE)(module.Shop.h)
    assert results() == [2]
    on_event(TYPE)(module.others[0])
    with pytest.raises(ConfigurationError, match=OTHER_CODE):
        on_event(TYPE)(module.others[1])


def test_a_module_that_was_imported_twice(
    shop: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (shop / "src").mkdir()
    source = "from flask_ycloud import on_event\n"
    source += "@on_event('sms.*')\ndef h(event): return __name__"
    (shop / "src" / "twice.py").write_text(source)
    sys.path.append(str(shop / "src"))
    with caplog.at_level(logging.WARNING):
        for name in ("twice", "src.twice"):
            importlib.import_module(name)
    sys.path.remove(str(shop / "src"))
    assert results() == ["src.twice"]
    assert names() == ["src.twice:h"]
    assert "Handlers twice:h and src.twice:h are the same" in caplog.text


# The main program.

CIRCULAR = """
from flask import Flask
from flask_ycloud import on_event, ycloud_bp
from flask_ycloud.testing import FakeYCloud
app = Flask(__name__)
app.config.update(TESTING=True, YCLOUD_WEBHOOK_SECRET="whsec_of_the_tests")
app.register_blueprint(ycloud_bp)
{before}
@on_event("sms.message.updated")
def reply(event):
    print("reply sent by", __name__)
{after}
if __name__ == "__main__":
    from flask_ycloud.handlers import everywhere
    FakeYCloud(app).send("sms.message.updated")
    print(*everywhere._by_name)
"""


@pytest.mark.parametrize("command", [["main.py"], ["-m", "main"]])
@pytest.mark.parametrize("place", ["before", "after"])
def test_the_usual_circular_import(tmp_path: Path, command: list[str], place: str) -> None:
    """``python main.py``: the module is there twice, and the handler once."""
    source = CIRCULAR.format(**{"before": "", "after": "", place: "import views"})
    (tmp_path / "main.py").write_text(source)
    (tmp_path / "views.py").write_text("from main import app")
    ran = subprocess.run(
        [sys.executable, *command], cwd=tmp_path, capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stderr
    first, second = ran.stdout.splitlines()
    assert first.startswith("reply sent by")
    assert second == "main:reply"


def test_the_main_program_is_called_as_others_import_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    main, other = types.ModuleType("__main__"), types.ModuleType("shop.app")
    other.__file__ = "/srv/shop/app.py"
    monkeypatch.setitem(sys.modules, "__main__", main)

    def handle(event: Event) -> None: ...

    handle.__module__, handle.__qualname__ = "__main__", "handle"
    assert name_of(handle) == "__main__:handle"  # typed in
    main.__file__ = "/srv/shop/app.py"
    assert name_of(handle) == "app:handle"
    monkeypatch.setitem(sys.modules, "shop.app", other)
    assert name_of(handle) == "shop.app:handle"
    main.__spec__ = importlib.machinery.ModuleSpec("shop.web", None)  # python -m shop.web
    assert name_of(handle) == "shop.web:handle"
