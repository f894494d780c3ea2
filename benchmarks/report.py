"""Writes the results of one run into the docs: tables and a plot of the ratios."""

from __future__ import annotations

import json
from html import escape
from pathlib import Path
from typing import Any

from .rounds import RESULTS

DOCS = Path(__file__).parent.parent / "docs"
ORDER = (
    "verify-1", "verify-16", "verify-64", "request-memory", "request-durable", "served",
    "dispatch", "inbox-commits-sqlite", "inbox-slower-sqlite", "inbox-size-sqlite",
    "inbox-claim-sqlite",
    "inbox-commits-postgresql", "inbox-size-postgresql", "inbox-claim-postgresql",
    "draining-sqlite", "draining-postgresql", "steady-rate", "steady-backlog",
    "blocked-sqlite", "blocked-postgresql", "retries", "idle-statements",
    "idle-connections", "lone-time", "lone-trips", "starting", "tenants-sqlite",
    "tenants-postgresql", "sharing-rate", "sharing-tail",
    "encryption-accept-sqlite", "encryption-drain-sqlite",
    "encryption-accept-postgresql", "encryption-drain-postgresql",
    "celery-1", "celery-2", "celery-3", "commands",
)  # fmt: skip

_NEEDS = "make bench measures everything; it needs PostgreSQL, Redis, RabbitMQ and wrk."
_LEFT, _WIDTH, _ROW = 330, 700, 22


def results() -> list[dict[str, Any]]:
    """Return all results, in a fixed order.

    :raises SystemExit: if a result is missing.
    """
    files = [RESULTS / f"{key}.json" for key in ORDER]
    if missing := [file.stem for file in files if not file.exists()]:
        raise SystemExit(f"Not measured: {', '.join(missing)}. {_NEEDS}")
    return [json.loads(file.read_text()) for file in files]


def table(result: dict[str, Any]) -> str:
    """Return one comparison in reStructuredText."""
    rounds = "one round" if result["rounds"] == 1 else f"{result['rounds']} rounds"
    what = result["what"][0].upper() + result["what"][1:]
    lines = [
        result["title"],
        "~" * len(result["title"]),
        "",
        f"{what}, as a ratio to ``{result['reference']}``; {rounds}.",
        *(["", f"The aim: {result['aim']}."] if result.get("aim") else []),
        "",
        ".. list-table::",
        "   :header-rows: 1",
        "   :widths: 55 15 15 15",
        "",
        *("   * - " + "\n     - ".join(("", "median", "lowest", "highest")),),
    ]
    for each in result["ratios"]:
        cells = [each["name"], *(f"{each[k]:.2f}" for k in ("median", "lowest", "highest"))]
        lines.append("   * - " + "\n     - ".join(cells))
    lines += notes(result)
    return "\n".join(lines) + "\n"


def notes(result: dict[str, Any]) -> list[str]:
    """Return the notes on the cases, and the missing cases."""
    known: dict[str, str] = result.get("notes", {})
    missing: dict[str, str] = result.get("missing", {})
    texts = list(dict.fromkeys(known.values()))
    lines = []
    for text in texts:
        names = " and ".join(f"*{name}*" for name in known if known[name] == text)
        lines.append(f"- {names}: {text}.")
    lines += [f"- *{name}*: not measured, {why}." for name, why in missing.items()]
    return ["", *lines] if lines else []


def plot(found: list[dict[str, Any]]) -> str:
    """Plot all comparisons: a bar to the median, and a line from lowest to highest."""
    shapes, y = [], 10
    for result in found:
        y += 20
        title = escape(f"{result['title']}: {result['what']}")
        shapes.append(f'<text x="10" y="{y}" class="title">{title}</text>')
        most = max(each["highest"] for each in result["ratios"])
        scale = (_WIDTH - _LEFT - 60) / max(most, 1.0)
        top = y + 8
        for each in result["ratios"]:
            y += _ROW
            middle = y - 5
            low, mid, high = (
                _LEFT + scale * each[k] for k in ("lowest", "median", "highest")
            )
            shapes += [
                f'<text x="{_LEFT - 8}" y="{y}" class="name">{escape(each["name"])}</text>',
                f'<rect x="{_LEFT}" y="{y - 12}" width="{mid - _LEFT:.1f}" height="14"/>',
                f'<path d="M{low:.1f} {middle}H{high:.1f}"/>',
                f'<text x="{high + 6:.1f}" y="{y}">{each["median"]:.2f}</text>',
            ]
        one = _LEFT + scale
        shapes.append(f'<path class="one" d="M{one:.1f} {top}V{y + 4}"/>')
        y += 14
    style = (
        "text{font:12px sans-serif;fill:#445}.title{font-weight:bold}"
        ".name{text-anchor:end}rect{fill:#7db0e0}path{stroke:#234;stroke-width:1.5}"
        ".one{stroke:#b33;stroke-dasharray:3 3}"
    )
    background = f'<rect width="{_WIDTH}" height="{y + 10}" style="fill:#fff"/>'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {y + 10}">'
        f"<style>{style}</style>{background}{''.join(shapes)}</svg>\n"
    )


def main() -> None:
    found = results()
    days = " and ".join(sorted({result["day"] for result in found}))
    heading = f"From one run of ``make bench``, on {days}.\n\n"
    text = heading + "\n".join(map(table, found))
    (DOCS / "performance_results.inc").write_text(text)
    (DOCS / "_static" / "performance.svg").write_text(plot(found))
    print(f"{len(found)} comparisons are in docs/performance.rst.")


if __name__ == "__main__":
    main()
