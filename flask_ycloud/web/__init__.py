"""What comes in by HTTP, and what is answered? The blueprint that receives deliveries.

Who may see the pages that show the inbox is decided here, too.
"""

from .access import Access, GuardedBlueprint
from .blueprint import WebhookBlueprint, current_inbox, ycloud_bp
from .csrf import exempt_from_csrf

__all__ = [
    "Access",
    "GuardedBlueprint",
    "WebhookBlueprint",
    "current_inbox",
    "exempt_from_csrf",
    "ycloud_bp",
]
