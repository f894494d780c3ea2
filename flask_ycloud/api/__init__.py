"""YCloud's API: calls, downloads of media, and the webhook endpoints of an account.

Needs the extra ``api`` (httpx). Paths, fields and limits are those of YCloud's OpenAPI
document (YCloud-Developers/ycloud-sdk-go, ``api/openapi.yaml``):
https://docs.ycloud.com/reference
"""

from .answers import WebhookEndpoint
from .client import YCloud
from .endpoints import Status, WebhookEndpoints
from .media import Download
from .secret import EndpointSecret

__all__ = [
    "Download",
    "EndpointSecret",
    "Status",
    "WebhookEndpoint",
    "WebhookEndpoints",
    "YCloud",
]
