"""The inspector: pages that show the events in the inbox, and replay them.

::

    from . import inspector_bp
    app.register_blueprint(inspector_bp, access=lambda: current_user.is_admin)
"""

from ..web import GuardedBlueprint
from .views import InspectorBlueprint, inspector_bp

__all__ = ["GuardedBlueprint", "InspectorBlueprint", "inspector_bp"]
