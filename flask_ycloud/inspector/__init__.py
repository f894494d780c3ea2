"""The inspector: pages that show what is in the inbox, and have it handled again.

::

    from flask_ycloud.inspector import inspector_bp
    app.register_blueprint(inspector_bp, access=lambda: current_user.is_admin)
"""

from .views import InspectorBlueprint, inspector_bp

__all__ = ["InspectorBlueprint", "inspector_bp"]
