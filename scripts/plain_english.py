"""Find words and phrases that readers have stumbled over, and propose plain ones.

    make english

It reads the prose of the documentation, and the docstrings, comments and messages of the
package, but no code. If such a word is right, write a comment ``plain-english: allow`` on
the same line, or at most two lines above.
"""

from __future__ import annotations

import io
import re
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent

#: A pattern, and what to write instead. A space in a pattern is any white space.
RULES = {
    r"(?<!leave)(?<!left)(?<!let) alone[.:;)]": "'only', before what it is about",
    r"\banew\b": "'again'; of JSON: 're-serialised'",
    r"\bas ever\b": "'as usual'",
    r"\bat each look\b": "'at each check'",
    r"\b(?:be|is|are|was|were) away\b": "'is unavailable', 'cannot be reached'",
    r"\bby itself\b": "'automatically'",
    r"\bcan(?:not)? be had\b|\bcould(?: not)? be had\b": "'can be fetched', 'is available'",
    r"\bcom(?:e|es|ing) again\b": "'is sent again'",
    r"\bcounts too\b": "say what it does: 'is used as well', 'also applies'",
    r"\bdeliver(?:y|ies)\b[^.;]{0,30}\brefused\b|\brefused deliver(?:y|ies)\b":
        "'rejected': the word for deliveries",
    r"\bis due again\b|\bare due again\b": "'is queued for replay'",
    r"\bfare[sd]?\b": "'ended', 'did'",
    r"\bfell due\b|\bfalls? due\b": "'became due', 'becomes due'",
    r"\bg[ia]ven? back\b": "'released', 'returned to the queue'",
    r"\bHave (?:an? |the )?\w+ (?:handled|run|sent|shown|told|made)\b":
        "start with the verb: 'Handle …'",
    r"\bhears?\b|\bheard (?:of|from)\b": "'receives', 'handles'; of a process: 'reported'",
    r"\bis asked with\b": "'is called with'",
    r"\b(?:that|it|which|this) is no (?!longer|more|different|better|help|such)\w+":
        "'is not a …'",
    r"\b(?:the doctor's|one) look\b": "'check'",
    r"\bLook whether\b|\blooks? whether\b": "'check whether'",
    r"\bmend(?:s|ed|ing)?\b": "'fix'",
    r"\bof yours\b": "'your'",
    r"\b(?:tables?|files?|folders?|requests?) (?:is|are|was|were) made\b": "'created'",
    r"\brooms?\b": "'module', 'layer'",
    r"\bshall\b": "'must', 'should' or the present tense",
    r"\b(?:stands?|stood) (?:in|at|on|beside|here|there)\b": "'is in', 'is beside'",
    r"\btakes? part in\b": "'uses', 'belongs to'",
    r"\bto be told of\b|\btold of it\b": "'notified of'",
    r"\bunless it is told otherwise\b": "'by default'",
    r"\bwhat (?:has|have) succeeded\b": "'the handlers that have succeeded'",
    r"\bwhat waited\b": "'the events that were pending'",
    r"\bto who\b": "'to anyone who'",
    r"\bwhoever\b": "'anyone who', 'the person who'",
}  # fmt: skip
_RULES = [(re.compile(p.replace(" ", r"\s+")), told) for p, told in RULES.items()]
_ALLOWED = "plain-english: allow"

#: Where it reads.
PLACES = (
    "*.rst", "*.md", "docs/*.rst", "examples/*/README.rst", "flask_ycloud/**/*.py",
    "flask_ycloud/**/*.html",
)  # fmt: skip
#: What is not our prose, or is generated.
NOT_OURS = ("flask_ycloud/payloads.py",)

_LITERAL = re.compile(r"``.+?``|`[^`]*`_{0,2}|:\w+:`[^`]*`", re.S)
_QUOTES = re.compile(r"^[a-zA-Z]*['\"]+|['\"]+$")
_FORMATTED = re.compile(r"[rR]?[fF]")
_EXPRESSION = re.compile(r"\{[^{}\n]*\}")
# Code follows "::" at the end of a line, unless the line is a directive such as a table.
_CODE = "code-block|invisible-code-block|literalinclude|math|raw|image"
_BLOCK = re.compile(rf"(?:(?!\.\. ).*::|\.\. (?:{_CODE})::.*)$")


class Finding(NamedTuple):
    """A phrase, and where it is."""

    path: str
    line: int
    words: str
    proposal: str


def findings(path: str, text: str) -> Iterator[Finding]:
    """The phrases in a file that must be written in another way."""
    lines = text.splitlines()
    prose = _of_python(text) if path.endswith(".py") else _of_page(lines)
    prose = _LITERAL.sub(lambda match: re.sub(r"[^\n]", "_", match[0]), prose)
    for pattern, proposal in _RULES:
        for match in pattern.finditer(prose):
            line = 1 + prose.count("\n", 0, match.start())
            if not any(_ALLOWED in each for each in lines[max(0, line - 3) : line]):
                yield Finding(path, line, " ".join(match[0].split()), proposal)


def _of_page(lines: list[str]) -> str:
    """A page, with its blocks of code left blank."""
    kept, block = [], None  # the indentation that a block of code is deeper than
    for line in lines:
        indent = len(line) - len(line.lstrip())
        if block is not None and line.strip() and indent <= block:
            block = None
        kept.append("" if block is not None else line)
        if block is None and _BLOCK.match(line.strip()):
            block = indent
    return "\n".join(kept)


def _of_python(text: str) -> str:
    """The comments and strings of a module in their places, with a bar for any code."""
    kept = [[" "] * len(line) for line in text.splitlines()]
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        kind = tokenize.tok_name[token.type]
        shown = token.string
        if kind == "COMMENT":
            shown = shown.replace("#", " ")
        elif kind in ("STRING", "FSTRING_MIDDLE"):
            if _FORMATTED.match(shown):  # one token below Python 3.12
                shown = _EXPRESSION.sub(lambda match: "|" * len(match[0]), shown)
            shown = _QUOTES.sub(lambda match: " " * len(match[0]), shown)
        elif kind in ("NAME", "OP", "NUMBER"):
            shown = "|" * len(shown)
        else:
            continue
        row, column = token.start
        for number, part in enumerate(shown.split("\n")):
            start = column if number == 0 else 0
            kept[row - 1 + number][start : start + len(part)] = part
    return "\n".join(map("".join, kept))


def files() -> Iterator[tuple[str, str]]:
    """The files of the project that have prose."""
    paths = {path for place in PLACES for path in ROOT.glob(place)}
    for path in sorted(paths):
        name = path.relative_to(ROOT).as_posix()
        if name not in NOT_OURS:
            yield name, path.read_text("utf-8")


def main() -> int:
    """Print the findings. Return 1 if there are some."""
    found = [each for name, text in files() for each in findings(name, text)]
    for each in found:
        print(f"{each.path}:{each.line}: {each.words!r}: {each.proposal}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
