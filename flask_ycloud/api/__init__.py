"""The Webhook Endpoints API: make, change and list the endpoints of a YCloud account.

Needs the extra ``api`` (httpx). Paths, fields and limits are those of YCloud's OpenAPI
document (YCloud-Developers/ycloud-sdk-go, ``api/openapi.yaml``), "Webhook Endpoints":
https://docs.ycloud.com/reference/webhook_endpoint-list
"""

from .answers import WebhookEndpoint
from .client import Status, WebhookEndpoints
from .secret import EndpointSecret

__all__ = ["EndpointSecret", "Status", "WebhookEndpoint", "WebhookEndpoints"]
