"""Sphinx's settings."""

import sys
from importlib.metadata import metadata
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from scripts.reference import pages  # noqa: E402

about = metadata("flask-ycloud")
urls = dict(each.split(", ", 1) for each in about.get_all("Project-URL"))

project = "flask-ycloud"
copyright = "2026, the flask-ycloud maintainers"
version = release = about["Version"]

extensions = ["sphinx.ext.autodoc", "sphinx_copybutton"]
exclude_patterns = ["_build"]
html_static_path = ["_static"]
html_theme = "furo"
html_title = f"flask-ycloud {release}"
html_favicon = "_static/icon.svg"
html_theme_options = {
    "footer_icons": [
        {"name": "Source", "url": urls["Source"], "html": "Source", "class": ""}
    ],
    "top_of_page_buttons": [],
}
autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
suppress_warnings = ["ref.python"]
# Links to our own names are checked. Other types, and private ones, have no page here.
nitpicky = True
nitpick_ignore_regex = [
    ("py:class", r"(?!flask_ycloud\.).*"),
    ("py:class", r"flask_ycloud\.\w+\.\w+\..*"),
]
# SECURITY.md is included: one backtick is code in Markdown.
default_role = "code"

# A prompt is not copied, nor is what a command prints.
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

# `sphinx-build -b linkcheck`: not in the gate, since links need the network.
linkcheck_timeout = 20
linkcheck_retries = 2
linkcheck_ignore = [
    r"http://(127\.0\.0\.1|localhost)",
    r"https://<",
    r"https://.*\.example",
]
linkcheck_anchors_ignore_for_url = [r"https://github\.com/"]

pages.write(Path(__file__).parent)
