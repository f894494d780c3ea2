"""The check of the prose: what it finds, and what it leaves alone."""

from __future__ import annotations

import pytest

from scripts import plain_english
from scripts.plain_english import RULES, files, findings, main

#: One sentence for each rule, in its order, and the same in plain English.
SENTENCES = [
    ("It goes by the id alone.", "It goes only by the id. It was left alone."),
    ("It is handled anew.", "It is handled again."),
    ("Start it as ever.", "Start it as usual."),
    ("It is read at each look.", "It is read at each check. Look at each of them."),
    ("The database is away.", "The database is unavailable. Right away."),
    ("It starts by itself.", "It starts automatically. They start by themselves."),
    ("The secret cannot be had.", "The secret cannot be fetched. He had it."),
    ("The event comes again.", "The event comes, and again it is late."),
    ("A retry counts too.", "A retry is counted as well. It counts two."),
    ("The delivery is refused.", "The delivery is rejected. A delivery; it refused."),
    ("It is due again.", "It is queued for replay."),
    ("How it fared.", "How it ended. A farewell."),
    ("What falls due.", "What becomes due. It falls; due to that it ends."),
    ("The claim is given back.", "The claim is released. Its backlog is given."),
    ("Have events handled.", "Handle events. Have a look."),
    ("It hears of SMS.", "It receives SMS. I heard that."),
    ("It is asked with the event.", "It is called with the event. He is asked."),
    ("If it is no JSON.", "If it is no longer JSON, there is no handler."),
    ("It is the doctor's look.", "Look at it."),
    ("It looks whether it is there.", "It checks whether it is there."),
    ("To mend it.", "To fix and recommend it."),
    ("A secret of yours.", "Your secret. The secret is yours."),
    ("The table is made.", "The table is created. It is made of wood."),
    ("In this room.", "In this module, with headroom."),
    ("It shall run.", "It must run."),
    ("It stands in the file.", "It is in the file. What it stands for."),
    ("It takes part in it.", "It belongs to it. It takes partial answers."),
    ("What is to be told of it.", "It was told off."),
    ("It waits unless it is told otherwise.", "By default it waits."),
    ("Replay what has succeeded.", "Replay those that have succeeded."),
    ("Handle what waited.", "Handle what waits."),
    ("Give it to who knows.", "Give it to those who know."),
    ("Ask whoever knows.", "Ask anyone who knows."),
]


def test_each_rule_has_a_sentence() -> None:
    assert len(SENTENCES) == len(RULES)


@pytest.mark.parametrize(
    ("rule", "sentences"), list(zip(RULES, SENTENCES, strict=True)), ids=range(len(RULES))
)
def test_a_rule_finds_its_phrase_and_no_plain_one(
    rule: str, sentences: tuple[str, str]
) -> None:
    hard, plain = sentences
    (found,) = findings("page.rst", f"Title\n\n{hard}\n")
    assert (found.path, found.line, found.proposal) == ("page.rst", 3, RULES[rule])
    assert not list(findings("page.rst", plain))


def test_phrases_are_found_across_lines_where_they_begin() -> None:
    (found,) = findings("page.rst", "One\ntwo the broker is\naway three\n")
    assert (found.line, found.words) == (2, "is away")


@pytest.mark.parametrize(
    "code",
    [
        "anew = 1\n",
        "text = f'{anew}'\n",
        "text = f'be {x} away'\n",
        "call('be', x, 'away')\n",
        "x = '``anew``'\n",
        "# the room  plain-english: allow\n",
        "# plain-english: allow\n\nx = 'the room'\n",
    ],
)
def test_code_is_not_prose(code: str) -> None:
    assert not list(findings("module.py", code))


@pytest.mark.parametrize(
    "code",
    [
        '"""A room."""\n',
        "x = 1  # a room\n",
        "# it comes\n# again\n",
        "x = (\n    'it is due '\n    f'again'\n)\n",
        "def f():\n    '''One.\n\n    A room.\n    '''\n",
        "x = 'plain-english: allow'\n\n\n# a room\n",
    ],
)
def test_comments_and_strings_are_prose(code: str) -> None:
    assert len(list(findings("module.py", code))) == 1


@pytest.mark.parametrize(
    "page",
    [
        "Run::\n\n    room = 1\n\nDone.\n",
        ".. code-block:: python\n\n   # a room\n\n   room\n",
        ".. literalinclude:: app.py\n   :start-after: the room\n",
        ".. note::\n\n   .. code-block:: python\n\n      room\n",
        "* One::\n\n      room\n\n* Two\n",
        "The setting ``room``, and :ref:`room`, and `room <x>`_.\n",
    ],
)
def test_blocks_of_code_are_left_out(page: str) -> None:
    assert not list(findings("page.rst", page))


def test_text_after_a_block_is_read() -> None:
    page = "Run::\n\n    room = 1\n\nIn this room.\n"
    assert [each.line for each in findings("page.rst", page)] == [5]


@pytest.mark.parametrize(
    "page",
    [
        ".. list-table::\n\n   * - One\n     - A room\n",
        ".. note::\n\n   A room.\n",
        ".. warning:: A room.\n",
        "* One\n\n  .. admonition:: Two\n\n     A room.\n",
        ".. note::\n\n   Run::\n\n      room\n\n   A room.\n",
    ],
)
def test_tables_and_notes_are_read(page: str) -> None:
    assert len(list(findings("page.rst", page))) == 1


def test_it_reads_the_project() -> None:
    names = {name for name, _ in files()}
    assert {"README.rst", "CHANGES.rst", "SECURITY.md", "docs/index.rst"} <= names
    assert {
        "examples/nginx/README.rst",
        "flask_ycloud/errors.py",
        "flask_ycloud/cli/doctor.py",
    } <= names
    assert "flask_ycloud/payloads.py" not in names
    assert {"flask_ycloud/inbox/store.py", "flask_ycloud/web/blueprint.py"} <= names


def test_it_prints_what_it_finds(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(plain_english, "files", lambda: [("a.rst", "One.\nA module.")])
    assert main() == 0
    assert not capsys.readouterr().out
    monkeypatch.setattr(plain_english, "files", lambda: [("a.rst", "One.\nA room.")])
    assert main() == 1
    assert capsys.readouterr().out == "a.rst:2: 'room': 'module', 'layer'\n"
