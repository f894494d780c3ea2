"""Sphinx's settings."""

from importlib.metadata import version as version_of
from pathlib import Path

from flask_ycloud import EVENT_TYPES
from flask_ycloud.payloads import PAYLOADS
from flask_ycloud.testing import variants

project = "flask-ycloud"
copyright = "2026, the flask-ycloud maintainers"
version = release = version_of("flask-ycloud")

extensions = ["sphinx.ext.autodoc"]
exclude_patterns = ["_build"]
html_static_path = ["_static"]
html_theme = "furo"
html_title = "flask-ycloud"
autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
suppress_warnings = ["ref.python"]


def write_event_types() -> None:
    """The page of event types is made from the catalogue."""
    lines = []
    for known in EVENT_TYPES.values():
        types = " or ".join(f"``{each.__name__}``" for each in PAYLOADS[known.name])
        lines += [known.name, "-" * len(known.name), "", f"{known.meaning} ", ""]
        lines += [f":Data: ``{known.properties[0]}``, typed {types}"]
        if known.key:
            lines += [":In order by: " + ", ".join(f"``{each}``" for each in known.key)]
        if variants(known.name):
            lines += [":Variants: " + ", ".join(f"``{v}``" for v in variants(known.name))]
        lines += [f":Source: {known.page}", ""]
    target = Path(__file__).parent / "_build" / "event_types.inc"
    target.parent.mkdir(exist_ok=True)
    target.write_text("\n".join(lines), "utf-8")


write_event_types()
