"""Sphinx's settings."""

from importlib.metadata import version as version_of

project = "flask-ycloud"
copyright = "2026, the flask-ycloud maintainers"
version = release = version_of("flask-ycloud")

extensions = ["sphinx.ext.autodoc"]
exclude_patterns = ["_build"]
html_theme = "alabaster"
html_theme_options = {"description": "YCloud webhooks in Flask", "fixed_sidebar": True}
autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
suppress_warnings = ["ref.python"]
