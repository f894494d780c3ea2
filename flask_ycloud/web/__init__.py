"""The blueprint that receives deliveries by HTTP, and access to pages of this package."""

from .access import Access, GuardedBlueprint, actor_name, has_passed, may_act
from .blueprint import WebhookBlueprint, current_inbox, ycloud_bp
from .csrf import exempt_from_csrf
from .origins import INSPECTOR, ORIGIN_KEY

__all__ = [
    "INSPECTOR",
    "ORIGIN_KEY",
    "Access",
    "GuardedBlueprint",
    "WebhookBlueprint",
    "actor_name",
    "current_inbox",
    "exempt_from_csrf",
    "has_passed",
    "may_act",
    "ycloud_bp",
]
