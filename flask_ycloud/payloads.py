"""A ``TypedDict`` for the data of each event type, and the types of ``on_event``.

Made by ``scripts/make_payloads.py`` from YCloud's OpenAPI document (YCloud-Developers/
ycloud-sdk-go, ``api/openapi.yaml``, MIT license) and from its pages on webhook events; do
not edit it by hand. For type checkers and for pydantic: at run time the data is a plain
``dict``, and what YCloud adds is in it.
"""

# No annotations from __future__: they would hide NotRequired from __required_keys__.

from collections.abc import Callable, Sequence
from typing import (
    TYPE_CHECKING,
    Any,
    Literal,
    Protocol,
    TypeAlias,
    TypeVar,
    final,
    get_args,
    overload,
)

# Not from typing: pydantic asks for this one below Python 3.12.
from typing_extensions import NotRequired, TypedDict

if TYPE_CHECKING:
    from typing_extensions import Never as _Absent
else:
    _Absent = None  # pydantic has no Never

# No class body can have a key that is a word of Python.
_HasFrom = TypedDict("_HasFrom", {"from": str})
_MayHaveFrom = TypedDict("_MayHaveFrom", {"from": NotRequired[str]})


class EmailDelivery(TypedDict):
    """
    Represents an email delivery report.
    """

    emailId: str
    """
    Unique ID for the related email you've previously sent.
    """
    recipientAddress: str
    """
    A recipient's email address.
    """
    status: Literal["sending", "failed", "sent", "delivered", "undelivered"] | str
    """
    Delivery status of the email to the specific recipient address.
    - `sending`: The messaging request is accepted by our system.
    - `failed`: The message failed to be sent from our system.
    - `sent`: The message has been sent from our system.
    - `delivered`: Our system has received a delivery receipt indicating that message is delivered.
    - `undelivered`: Our system has received a delivery receipt indicating that message is not delivered.
    """
    errorCode: NotRequired[str]
    """
    Error code when the email is undeliverable.
    """
    errorMessage: NotRequired[str]
    """
    Error message when the email is undeliverable.
    """
    externalId: NotRequired[str]
    """
    The `externalId` you set when you sent the email.
    """
    bizType: NotRequired[str]
    """
    This can be either empty or one of `email`, or `verify`. Defaults to `email`.
    - `email`: Indicates that the message is sent via the **Email** product.
    - `verify`: Indicates that the message is sent via the **Verify** product.
    """
    verificationId: NotRequired[str]
    """
    The verification ID. Included only when `bizType` is `verify`.
    """


class Sms(TypedDict):
    id: str
    """
    Unique ID for the object.
    """
    to: str
    """
    The recipient's phone number in [E.164](https://en.wikipedia.org/wiki/E.164) format.
    """
    text: str
    """
    The text of this message.
    """
    senderId: str
    """
    Sender ID to be used.
    """
    regionCode: str
    """
    [ISO 3166-1 alpha-2 country code](https://en.wikipedia.org/wiki/ISO_3166-1_alpha-2)
    """
    totalSegments: int
    """
    Number of message segments. See [SMS character encoding](https://helpdocs.ycloud.com/help-center/integrations/channels/global-sms/sms-basic-principles#sms-encoding) for more info.
    """
    totalPrice: float
    """
    Total price of this message.
    """
    currency: str
    """
    Price currency. [ISO 4217 currency code](https://en.wikipedia.org/wiki/ISO_4217).
    """
    status: Literal["accepted", "failed", "sent", "delivered", "undelivered"] | str
    """
    Delivery status. One of `accepted`, `sent`, `delivered`, `undelivered`, or `failed`.
    - `accepted`: The messaging request is accepted by our system.
    - `failed`: The message failed to be sent from our system.
    - `sent`: The message has been sent from our system.
    - `delivered`: Our system has received a delivery receipt indicating that message is delivered.
    - `undelivered`: Our system has received a delivery receipt indicating that message is not delivered.
    """
    errorCode: NotRequired[str]
    """
    Error code when the message is undeliverable.
    """
    createTime: str
    """
    The time at which this message was created, formatted in [RFC 3339](https://datatracker.ietf.org/doc/html/rfc3339). e.g., `2022-03-01T12:00:00.000Z`.
    """
    updateTime: str
    """
    The time at which the delivery report for this message was updated, formatted in [RFC 3339](https://datatracker.ietf.org/doc/html/rfc3339). e.g., `2022-03-01T12:00:00.000Z`.
    """
    externalId: NotRequired[str]
    """
    A unique (recommended) string to reference the object. This can be an order number or similar, and can be used to reconcile the object with your internal systems.
    """
    callbackUrl: NotRequired[str]
    """
    Delivery report URL. You can provide a URL, and we will push the updated status report to your server in time. e.g., https://httpbin.org/anything?tag=api.
    Note: We recommend configuring Webhook Endpoints instead.
    """
    bizType: NotRequired[str]
    """
    This can be either empty or one of `sms`, or `verify`. Defaults to `sms`.
    - `sms`: Indicates that the message is sent via the **SMS** product.
    - `verify`: Indicates that the message is sent via the **Verify** product.
    """
    verificationId: NotRequired[str]
    """
    The verification ID. Included only when `bizType` is `verify`.
    """


class SmsInbound(_HasFrom):
    """
    Represents an inbound SMS message, which means a user replies to your message.

    ``from``: The user's phone number who sent the message to your registered sender ID, formatted in [E.164](https://en.wikipedia.org/wiki/E.164) format.
    """

    id: str
    """
    Unique ID of the message.
    """
    to: str
    """
    The receiver's phone number, which is one of your registered Sender IDs.
    """
    text: str
    """
    The text of this message.
    """
    sendTime: str
    """
    The time at which this message was sent, formatted in [RFC 3339](https://datatracker.ietf.org/doc/html/rfc3339). e.g., `2022-06-01T12:00:00.000Z`.
    """


class Voice(TypedDict):
    id: str
    """
    Unique ID for the object.
    """
    to: str
    """
    The recipient's phone number in [E.164](https://en.wikipedia.org/wiki/E.164) format.
    """
    verificationCode: str
    """
    The verification code to be sent, 4 to 6 digits.
    """
    language: str
    """
    [ISO 639 Language Code](https://www.iso.org/iso-639-language-codes.html).
    """
    regionCode: str
    """
    [ISO 3166-1 alpha-2 country code](https://en.wikipedia.org/wiki/ISO_3166-1_alpha-2).
    """
    totalSegments: int
    """
    Number of message segments. It's always 1 for voice calls.
    """
    totalPrice: float
    """
    Total price of this message.
    """
    currency: str
    """
    Price currency. [ISO 4217 currency code](https://en.wikipedia.org/wiki/ISO_4217).
    """
    status: Literal["accepted", "failed", "sent", "delivered", "undelivered"] | str
    """
    Delivery status. One of `accepted`, `sent`, `delivered`, `undelivered`, or `failed`.
    - `accepted`: The messaging request is accepted by our system.
    - `failed`: The message failed to be sent from our system.
    - `sent`: The message has been sent from our system.
    - `delivered`: Our system has received a delivery receipt indicating that message is delivered.
    - `undelivered`: Our system has received a delivery receipt indicating that message is not delivered.
    """
    errorCode: NotRequired[str]
    """
    Error code when the message is undeliverable.
    """
    createTime: str
    """
    The time at which this message was created, formatted in [RFC 3339](https://datatracker.ietf.org/doc/html/rfc3339). e.g., `2022-03-01T12:00:00.000Z`.
    """
    updateTime: str
    """
    The time at which the delivery report for this message was updated, formatted in [RFC 3339](https://datatracker.ietf.org/doc/html/rfc3339). e.g., `2022-03-01T12:00:00.000Z`.
    """
    externalId: NotRequired[str]
    """
    A unique (recommended) string to reference the object. This can be an order number or similar, and can be used to reconcile the object with your internal systems.
    """
    callbackUrl: NotRequired[str]
    """
    Delivery report URL. You can provide a URL, and we will push the updated status report to your server in time. e.g., https://httpbin.org/anything?tag=api.
    Note: We recommend configuring Webhook Endpoints instead.
    """
    bizType: NotRequired[str]
    """
    This can be either empty or one of `voice`, or `verify`. Defaults to `voice`.
    - `voice`: Indicates that the message is sent via the **Voice** product.
    - `verify`: Indicates that the message is sent via **Verify** product.
    """
    verificationId: NotRequired[str]
    """
    The verification ID. Included only when `bizType` is `verify`.
    """


class WhatsappBusinessAccountRestrictionInfo(TypedDict):
    """
    Used to report restrictions imposed on a specific WABA, when that WABA violates [WhatsApp Business Platform policies](https://developers.facebook.com/docs/whatsapp/overview/policy-enforcement).
    """

    restrictionType: NotRequired[
        Literal[
            "RESTRICTED_ADD_PHONE_NUMBER_ACTION",
            "RESTRICTED_BIZ_INITIATED_MESSAGING",
            "RESTRICTED_CUSTOMER_INITIATED_MESSAGING",
        ]
        | str
    ]
    """
    Restriction type.
    """
    expiration: NotRequired[str]
    """
    The time at which this restriction expires, formatted in [RFC 3339](https://datatracker.ietf.org/doc/html/rfc3339). e.g., `2022-06-01T12:00:00.000Z`.
    """


class WhatsappAuthIntlRateEligibilityCountry(TypedDict):
    """
    Starting June 1, 2024, we are updating our authentication rate card and introducing a new authentication-international rate. This rate will apply in the the following countries:
    - June 1, 2024 – Indonesia (country calling code +62, country code `ID`)
    - July 1, 2024 – India (country calling code +91, country code `IN`)

    See also [Authentication-International Rates](https://developers.facebook.com/docs/whatsapp/pricing/authentication-international-rates).
    """

    countryCode: NotRequired[str]
    """
    [ISO 3166-1 alpha-2 country code](https://en.wikipedia.org/wiki/ISO_3166-1_alpha-2).
    """
    startTime: NotRequired[str]
    """
    Date when newly-opened authentication conversations are subject to authentication-international rates, formatted in [RFC 3339](https://datatracker.ietf.org/doc/html/rfc3339). e.g., `2024-07-01T00:00:00.000Z`.
    """


class WhatsappBusinessAccount(TypedDict):
    """
    Represents a specific [WhatsApp Business Account (WABA)](https://developers.facebook.com/docs/whatsapp/overview/business-accounts).
    """

    id: str
    """
    WhatApp Business Account ID.
    """
    name: str
    """
    User-friendly name to differentiate WhatsApp Business Accounts.
    """
    currency: NotRequired[str]
    """
    The currency in which the payment transactions for the WhatsApp Business Account will be processed.
    """
    messageTemplateNamespace: NotRequired[str]
    """
    Namespace string for the message templates that belong to the WhatsApp Business Account.
    """
    accountReviewStatus: NotRequired[Literal["PENDING", "APPROVED", "REJECTED"] | str]
    businessId: NotRequired[str]
    """
    Business Portfolio ID.
    """
    businessName: NotRequired[str]
    """
    Business Portfolio Name.
    """
    businessStatus: NotRequired[str]
    """
    Business Portfolio Status,Default:APPROVED
    """
    businessVerificationStatus: NotRequired[
        Literal[
            "expired",
            "failed",
            "ineligible",
            "not_verified",
            "pending",
            "pending_need_more_info",
            "pending_submission",
            "rejected",
            "revoked",
            "verified",
        ]
        | str
    ]
    country: NotRequired[str]
    """
    Country of the WhatsApp Business Account's owning Meta Business account.
    """
    ownershipType: NotRequired[str]
    """
    Ownership type of the WhatsApp Business Account.
    """
    paymentMethodAttached: NotRequired[bool]
    """
    Whether we have attached a payment method to the WhatsApp Business Account.
    """
    primaryFundingId: NotRequired[str]
    """
    Primary funding ID for the WhatsApp Business Account paid service.
    """
    purchaseOrderNumber: NotRequired[str]
    """
    The purchase order number supplied by the business for payment management purposes.
    """
    timezoneId: NotRequired[str]
    """
    The timezone ID of the WhatsApp Business Account. See [Timezone IDs](https://developers.facebook.com/docs/marketing-api/reference/ad-account/timezone-ids).
    """
    decision: NotRequired[Literal["APPROVED", "REJECTED", "DEFERRED"] | str]
    updateEvent: NotRequired[
        Literal[
            "DISABLED_UPDATE",
            "ACCOUNT_RESTRICTION",
            "ACCOUNT_VIOLATION",
            "PARTNER_REMOVED",
            "PARTNER_APP_UNINSTALLED",
            "AUTH_INTL_PRICE_ELIGIBILITY_UPDATE",
            "BUSINESS_PRIMARY_LOCATION_COUNTRY_UPDATE",
        ]
        | str
    ]
    banState: NotRequired[Literal["SCHEDULE_FOR_DISABLE", "DISABLE", "REINSTATE"] | str]
    banDate: NotRequired[str]
    """
    The date when the WABA is banned.
    """
    violationType: NotRequired[str]
    """
    Used to report violations imposed on the WABA.
    See also [WhatsApp Business Platform Policy Violations](https://developers.facebook.com/docs/whatsapp/overview/policy-enforcement/violations).
    """
    restrictions: NotRequired[list[WhatsappBusinessAccountRestrictionInfo]]
    """
    Used to report restrictions imposed on the WABA, when that WABA violates [WhatsApp Business Platform policies](https://developers.facebook.com/docs/whatsapp/overview/policy-enforcement).
    """
    authIntlRateEligibilityCountries: NotRequired[
        list[WhatsappAuthIntlRateEligibilityCountry]
    ]
    """
    Starting June 1, 2024, we are updating our authentication rate card and introducing a new authentication-international rate. This rate will apply in the the following countries:
    - June 1, 2024 – Indonesia (country calling code +62, country code `ID`)
    - July 1, 2024 – India (country calling code +91, country code `IN`)

    See also [Authentication-International Rates](https://developers.facebook.com/docs/whatsapp/pricing/authentication-international-rates).
    """
    primaryBusinessLocation: NotRequired[str]
    """
    Your primary business location is the country where your business is based. It will appear in the Business Manager under the Primary Business Location field starting May 1, 2024.
    [ISO 3166-1 alpha-2 country code](https://en.wikipedia.org/wiki/ISO_3166-1_alpha-2).
    """
    whatsappBusinessManagerMessagingLimit: NotRequired[str]
    """
    The owning business portfolio's messaging limit. Starting October 7, 2025, messaging limits will instead be calculated and set on a business portfolio basis, and will be shared by all business phone numbers within each portfolio. See also [phone_number_quality_update webhook reference](https://developers.facebook.com/docs/whatsapp/cloud-api/webhooks/reference/phone_number_quality_update).
    - `TIER_NOT_SET`: The business phone number has not been used to send a message yet.
    - `TIER_50`: Messaging limit of 50 business-initiated conversations in a rolling 24-hour period.
    - `TIER_250`: Messaging limit of 250 business-initiated conversations in a rolling 24-hour period.
    - `TIER_2K`: Messaging limit of 2,000 business-initiated conversations in a rolling 24-hour period.
    - `TIER_10K`: Messaging limit of 10,000 business-initiated conversations in a rolling 24-hour period.
    - `TIER_100K`: Messaging limit of 100,000 business-initiated conversations in a rolling 24-hour period.
    - `TIER_UNLIMITED`: The business phone number has higher throughput with unlimited business-initiated conversations.
    """
    removedReason: NotRequired[str]
    """
    Raw reason from the WhatsApp Business Account deletion event. Known values include:
    - `ACCOUNT_DISCONNECTED`: The account was disconnected due to enforcement or because the WhatsApp account was explicitly deleted.
    - `BUSINESS_DOWNGRADE`: The phone number was registered with the consumer WhatsApp app.
    - `CHANGE_NUMBER`: The WhatsApp phone number was changed.
    - `COMPANION_INACTIVITY`: A companion device was inactive for approximately 30 days.
    - `PRIMARY_INACTIVITY`: A primary device was inactive for approximately 30 days.
    - `USER_RE_REGISTERED`: WhatsApp was re-registered on a new device.

    Unknown values are returned as received.
    """
    removedInitiatedBy: NotRequired[str]
    """
    Raw initiator from the WhatsApp Business Account deletion event. Known values include:
    - `USER`: The removal was initiated by the WhatsApp user.
    - `SYSTEM`: The removal was initiated by the Meta system.

    Unknown values are returned as received.
    """
    removedTime: NotRequired[str]
    """
    The time when the WhatsApp Business Account deletion event was received, formatted in [RFC 3339](https://datatracker.ietf.org/doc/html/rfc3339). e.g., `2026-05-19T12:00:00.000Z`.
    """


class WhatsappProfile(TypedDict):
    """
    Represents the profile of a WhatsApp account.
    """

    name: NotRequired[str]
    """
    Name of the WhatsApp account.
    """
    username: NotRequired[str]
    """
    WhatsApp username.
    """


class WhatsappInboundMessageText(TypedDict):
    """
    When the notification describes a text message, the text object provides the body of the text message.
    """

    body: str
    """
    Message text.
    """


class WhatsappInboundMessageMedia(TypedDict):
    """
    When a message with media (`image` | `document` | `audio` | `video` | `sticker`) is received, the WhatsApp Business API client will download the media. Once the media is downloaded, a notification is sent to your Webhook. This message contains information that identifies the media object and enables you to find and download the object.
    """

    id: str
    """
    ID of the media. Can be used to delete the media if stored locally on the client.
    """
    link: str
    """
    The url to download the media file.
    Note that This link can be directly accessed in a few minutes for the convenience of the consumer, but you should always include an `X-API-Key` header to download this file within a month.
    """
    caption: NotRequired[str]
    """
    The provided caption for the media. Only present if specified.
    """
    filename: NotRequired[str]
    """
    Filename on the sender's device. This will only be present in `document` media messages.
    """
    metadata: NotRequired[dict[str, dict[str, Any]]]
    """
    Metadata pertaining to `sticker` media.
    """
    mime_type: str
    """
    Mime type of the media.
    """
    sha256: str
    """
    Checksum.
    """


class WhatsappInboundMessageInteractiveButtonReply(TypedDict):
    """
    Sent when a customer clicks a button. Returned when `type` is `button_reply`.
    """

    id: str
    """
    Unique ID of the clicked button.
    """
    title: str
    """
    Title of a button.
    """


class WhatsappInboundMessageInteractiveListReply(TypedDict):
    """
    Sent when a customer selects an item from a list. Returned when `type` is `list_reply`.
    """

    id: str
    """
    Unique ID of the selected list item.
    """
    title: str
    """
    Title of the selected list item.
    """
    description: NotRequired[str]
    """
    Description of the selected row.
    """


class WhatsappInboundMessageInteractiveNfmReply(TypedDict):
    """
    Sent when a customer responds to a WhatsApp Flow (Next Feature Messaging). Returned when `type` is `nfm_reply`.
    """

    name: str
    """
    The name of the flow or form being replied to.
    """
    response_json: str
    """
    JSON string containing the user's responses to the flow. Contains form field values and flow token.
    """
    body: str
    """
    The body content of the flow reply message.
    """


class WhatsappInboundMessageInteractiveCallPermissionReply(TypedDict):
    """
    Sent when a customer responds to a call permission request. Returned when `type` is `call_permission_reply`.
    This occurs when WhatsApp prompts users to grant callback permissions after they call your business.
    """

    response: Literal["accept", "reject"] | str
    """
    The customer's response to the call permission request.
    - `accept`: User granted permission for business to call back
    - `reject`: User rejected permission for business to call back
    """
    expiration_timestamp: NotRequired[int]
    """
    The timestamp (in seconds) when the call permission expires.
    Only present when response is "accept" and is_permanent is false.
    """
    is_permanent: NotRequired[bool]
    """
    Whether the permission is permanent or temporary.
    - `true`: Permanent authorization (no expiration)
    - `false`: Temporary authorization (expires at expiration_timestamp)
    """
    response_source: NotRequired[Literal["user_action", "automatic"] | str]
    """
    The source of this permission response.
    - `user_action`: User explicitly approved or rejected the permission
    - `automatic`: Automatic permission approval due to the WhatsApp user initiating the call
    """


class WhatsappInboundMessageInteractive(TypedDict):
    """
    When a customer has interacted with your message, this object is included in the message object.
    """

    type: Literal["button_reply", "list_reply", "nfm_reply", "call_permission_reply"] | str
    """
    The type of interactive message received.
    - `button_reply`: Sent when a customer clicks a button.
    - `list_reply`: Sent when a customer selects an item from a list.
    - `nfm_reply`: Sent when a customer responds to a WhatsApp Flow (Next Feature Messaging).
    - `call_permission_reply`: Sent when a customer responds to a call permission request.
    """
    button_reply: NotRequired[WhatsappInboundMessageInteractiveButtonReply]
    list_reply: NotRequired[WhatsappInboundMessageInteractiveListReply]
    nfm_reply: NotRequired[WhatsappInboundMessageInteractiveNfmReply]
    call_permission_reply: NotRequired[WhatsappInboundMessageInteractiveCallPermissionReply]


class WhatsappInboundMessageLocation(TypedDict):
    """
    When you receive a notification of a user's static location, the location object provides the details of the location.
    """

    latitude: float
    """
    Latitude of location being sent.
    """
    longitude: float
    """
    Longitude of location being sent.
    """
    address: NotRequired[str]
    """
    Address of the location.
    """
    name: NotRequired[str]
    """
    Name of the location.
    """
    url: NotRequired[str]
    """
    URL for the website where the user downloaded the location information.
    """


class WhatsappInboundMessageButton(TypedDict):
    """
    When the message type field is set to `button`, this object is included in the message object.
    """

    payload: str
    """
    The payload for a button set up by the business that a customer clicked as part of an interactive message.
    """
    text: str
    """
    Button text.
    """


class WhatsappMessageContactAddress(TypedDict):
    """
    Full contact address(es) formatted as an addresses object.
    """

    street: NotRequired[str]
    """
    Street number and name.
    """
    city: NotRequired[str]
    """
    City name.
    """
    state: NotRequired[str]
    """
    State abbreviation.
    """
    zip: NotRequired[str]
    """
    ZIP code.
    """
    country: NotRequired[str]
    """
    Full country name.
    """
    country_code: NotRequired[str]
    """
    Two-letter country abbreviation.
    """
    type: NotRequired[str]
    """
    Standard values are `HOME` and `WORK`.
    """


class WhatsappMessageContactEmail(TypedDict):
    """
    Contact email address(es) formatted as an emails object.
    """

    email: NotRequired[str]
    """
    Email address.
    """
    type: NotRequired[str]
    """
    Standard values are `HOME` and `WORK`.
    """


class WhatsappMessageContactName(TypedDict):
    """
    Full contact name formatted as a name object.
    """

    formatted_name: str
    """
    Full name, as it normally appears.
    """
    first_name: NotRequired[str]
    """
    First name.
    """
    last_name: NotRequired[str]
    """
    Last name.
    """
    middle_name: NotRequired[str]
    """
    Middle name.
    """
    suffix: NotRequired[str]
    """
    Name suffix.
    """
    prefix: NotRequired[str]
    """
    Name prefix.
    """


class WhatsappMessageContactOrg(TypedDict):
    """
    Contact organization information formatted as an org object.
    """

    company: NotRequired[str]
    """
    Name of the contact's company.
    """
    department: NotRequired[str]
    """
    Name of the contact's department.
    """
    title: NotRequired[str]
    """
    Contact's business title.
    """


class WhatsappMessageContactPhone(TypedDict):
    phone: NotRequired[str]
    """
    Automatically populated with the `wa_id` value as a formatted phone number.
    """
    type: NotRequired[str]
    """
    Standard Values are `CELL`, `MAIN`, `IPHONE`, `HOME`, and `WORK`.
    """
    wa_id: NotRequired[str]
    """
    WhatsApp ID.
    """


class WhatsappMessageContactUrl(TypedDict):
    url: NotRequired[str]
    """
    URL.
    """
    type: NotRequired[str]
    """
    Standard values are `HOME` and `WORK`.
    """


class WhatsappMessageContact(TypedDict):
    """
    When the message type filed is set to `contacts`, this object is included in the message object.
    """

    addresses: NotRequired[list[WhatsappMessageContactAddress]]
    birthday: NotRequired[str]
    """
    `YYYY-MM-DD` formatted string.
    """
    emails: NotRequired[list[WhatsappMessageContactEmail]]
    name: WhatsappMessageContactName
    org: NotRequired[WhatsappMessageContactOrg]
    phones: NotRequired[list[WhatsappMessageContactPhone]]
    """
    Contact phone number(s) formatted as a phone object.
    """
    urls: NotRequired[list[WhatsappMessageContactUrl]]
    """
    Contact URL(s) formatted as a urls object.
    """


class WhatsappMessageReaction(TypedDict):
    """
    When a user reacts to messages with an emoji, the message type is set to `reaction`, and this field is included.
    """

    message_id: str
    """
    Specifies the `wamid` of the message received that contained the reaction.
    """
    emoji: NotRequired[str]
    """
    **Required** when you send a `reaction` message. Set it to `""` if you want to remove the emoji.
    **Optional** when you received a message from a user. This field is included when a user reacts to messages with an emoji. Otherwise, it indicates a user removed the emoji.
    """


class WhatsappInboundMessageOrderProductItem(TypedDict):
    product_retailer_id: str
    """
    The product SKU identifier.
    """
    quantity: int
    """
    Number of item.
    """
    item_price: float
    """
    Unitary price of item.
    """
    currency: str
    """
    Price currency. [ISO 4217 currency code](https://en.wikipedia.org/wiki/ISO_4217).
    """


class WhatsappInboundMessageOrder(TypedDict):
    """
    When a customer places an order, the message type is set to `order`, and this field is included.
    """

    catalog_id: str
    """
    The catalog ID.
    """
    product_items: list[WhatsappInboundMessageOrderProductItem]
    text: NotRequired[str]
    """
    Text message sent along with the order.
    """


class WhatsappInboundMessageSystem(TypedDict):
    """
    When the message type is set to `system`, this field is included.
    This object is added to Webhooks if a user has changed their phone number and if a user's identity has potentially changed on WhatsApp.
    """

    body: NotRequired[str]
    """
    Describes the system message event. Supported use cases are:
    - Phone number update: for when a user changes from an old number to a new number.
    - Identity update: for when a user identity has changed.
    """
    new_wa_id: NotRequired[str]
    """
    **Added to Webhooks for phone number updates.**

    New WhatsApp ID of the customer.
    """
    type: NotRequired[
        Literal["user_changed_number", "user_changed_user_id", "user_identity_changed"]
        | str
    ]
    """
    What has changed.
    """
    user: NotRequired[str]
    """
    **Added to Webhooks for identity updates.**

    The new WhatsApp user ID of the customer.
    """
    previous_user_id: NotRequired[str]
    """
    The business-scoped user ID before the change.
    """
    previous_parent_user_id: NotRequired[str]
    """
    The parent business-scoped user ID before the change.
    """


class WhatsappInboundMessageError(TypedDict):
    """
    When the message type `unsupported`, this object is included.
    """

    code: str
    """
    The error code.
    """
    title: str
    """
    The error title.
    """
    message: NotRequired[str]
    """
    The error message.
    """
    error_data: NotRequired[dict[str, Any]]
    """
    An error data object with the following properties:
    - `details`: A string describing the reason for the error. Example: `Message type is currently not supported.`.
    """


class WhatsappInboundMessageReferredProduct(TypedDict):
    """
    A Product Inquiry Message is received when a user is asking for more information about a specific product.
    These can be received as in two scenarios:
    1. When a customer replies to Single or Multi-Product Messages.
    2. When a customer accesses a business' catalog through another entry point, navigates to a Product Details Page, and clicks Message Business about this Product.
    """

    catalog_id: NotRequired[str]
    """
    The catalog ID.
    """
    product_retailer_id: NotRequired[str]
    """
    The product SKU identifier.
    """


class WhatsappInboundMessageContext(_MayHaveFrom):
    """
    Message context.

    ``from``: **Added to Webhooks if message is an inbound reply to a sent message.**

    The WhatsApp ID (a phone number without the '+' prefix) of the sender of the sent message.
    """

    forwarded: NotRequired[bool]
    """
    **Added to Webhooks if message was forwarded.**

    Set to `true` if the received message has been forwarded.
    """
    frequently_forwarded: NotRequired[bool]
    """
    **Added to Webhooks if message has been frequently forwarded.**

    Set to `true` if the received message has been forwarded more than five times.
    """
    id: NotRequired[str]
    """
    **Optional.**

    The `wamid` for the sent message for an inbound reply. `wamid` is the original message ID on WhatsApp's platform.
    """
    referred_product: NotRequired[WhatsappInboundMessageReferredProduct]


class WhatsappInboundMessageReferral(TypedDict):
    """
    When a user messages businesses using call-to-actions buttons on [Ads that Click to WhatsApp](https://www.facebook.com/business/help/447934475640650) or a [Facebook Page call-to-action buttons](https://www.facebook.com/help/977869848936797), this field is included as an attachment.
    """

    source_url: NotRequired[str]
    """
    Specifies the URL that leads to the ad or post clicked by the user. Opening this URL takes you to the ad viewed by your user.
    """
    source_type: NotRequired[str]
    """
    Specifies the type of the ad's source. Supported values are "ad" or "post".
    """
    source_id: NotRequired[str]
    """
    Specifies the Meta ID for an ad or post.
    """
    headline: NotRequired[str]
    """
    Specifies the headline used in the ad or post that generated the message.
    """
    body: NotRequired[str]
    """
    The description, or body, from the ad or post that generated the message.
    """
    media_type: NotRequired[str]
    """
    Media present in the ad or post the user clicked. Supported values are "image" or "video".
    """
    image_url: NotRequired[str]
    """
    **Added if media_type is "image".**

    Contains a URL to the raw image.
    """
    video_url: NotRequired[str]
    """
    **Added if media_type is "video".**

    Contains a URL to the video.
    """
    thumbnail_url: NotRequired[str]
    """
    **Added if media_type is "video".**

    Contains a URL to the thumbnail image of the clicked video.
    """
    ctwa_clid: NotRequired[str]
    """
    Click ID generated by Meta for ads that click to WhatsApp.
    """


class WhatsappInboundMessageUnsupported(TypedDict):
    """
    What kind of message it is that WhatsApp does not pass on.
    """

    type: Literal["poll_creation", "poll_update", "edit", "pin"] | str
    """
    The kind; `unknown` was seen, too.
    """


class _WhatsappInboundMessage(_MayHaveFrom):
    """
    The keys that each has.

    ``from``: The customer's phone number who sent the message to the business, formatted in [E.164](https://en.wikipedia.org/wiki/E.164) format.
    """

    id: str
    """
    Unique ID for the object.
    """
    wamid: str
    """
    The original message ID on WhatsApp's platform.
    """
    wabaId: str
    """
    WhatsApp Business Account ID.
    """
    fromUserId: NotRequired[str]
    """
    The customer's WhatsApp Business-scoped user ID (BSUID).
    """
    fromParentUserId: NotRequired[str]
    """
    The customer's parent WhatsApp Business-scoped user ID.
    """
    customerProfile: NotRequired[WhatsappProfile]
    to: str
    """
    The recipient's phone number in [E.164](https://en.wikipedia.org/wiki/E.164) format.
    """
    sendTime: NotRequired[str]
    """
    The time at which this message is sent, formatted in [RFC 3339](https://datatracker.ietf.org/doc/html/rfc3339). e.g., `2022-06-01T12:00:00.000Z`.
    """
    context: NotRequired[WhatsappInboundMessageContext]
    referral: NotRequired[WhatsappInboundMessageReferral]
    groupId: NotRequired[str]
    """
    WhatsApp group ID. This field is included when the inbound message is sent in a WhatsApp group.
    """


if TYPE_CHECKING:
    # YCloud adds types. A checker narrows a union only where each tag is a Literal, so to a
    # checker the others are those that receivers have met.
    WhatsappInboundMessageOtherType: TypeAlias = Literal["voice", "unknown"]
else:
    WhatsappInboundMessageOtherType = str


@final
class WhatsappInboundTextMessage(_WhatsappInboundMessage):
    type: Literal["text"]
    text: WhatsappInboundMessageText
    image: NotRequired[_Absent]
    video: NotRequired[_Absent]
    audio: NotRequired[_Absent]
    document: NotRequired[_Absent]
    sticker: NotRequired[_Absent]
    interactive: NotRequired[_Absent]
    location: NotRequired[_Absent]
    button: NotRequired[_Absent]
    contacts: NotRequired[_Absent]
    reaction: NotRequired[_Absent]
    order: NotRequired[_Absent]
    system: NotRequired[_Absent]
    errors: NotRequired[list[WhatsappInboundMessageError]]
    unsupported: NotRequired[_Absent]
    voice: NotRequired[_Absent]


@final
class WhatsappInboundImageMessage(_WhatsappInboundMessage):
    type: Literal["image"]
    text: NotRequired[_Absent]
    image: WhatsappInboundMessageMedia
    video: NotRequired[_Absent]
    audio: NotRequired[_Absent]
    document: NotRequired[_Absent]
    sticker: NotRequired[_Absent]
    interactive: NotRequired[_Absent]
    location: NotRequired[_Absent]
    button: NotRequired[_Absent]
    contacts: NotRequired[_Absent]
    reaction: NotRequired[_Absent]
    order: NotRequired[_Absent]
    system: NotRequired[_Absent]
    errors: NotRequired[list[WhatsappInboundMessageError]]
    unsupported: NotRequired[_Absent]
    voice: NotRequired[_Absent]


@final
class WhatsappInboundVideoMessage(_WhatsappInboundMessage):
    type: Literal["video"]
    text: NotRequired[_Absent]
    image: NotRequired[_Absent]
    video: WhatsappInboundMessageMedia
    audio: NotRequired[_Absent]
    document: NotRequired[_Absent]
    sticker: NotRequired[_Absent]
    interactive: NotRequired[_Absent]
    location: NotRequired[_Absent]
    button: NotRequired[_Absent]
    contacts: NotRequired[_Absent]
    reaction: NotRequired[_Absent]
    order: NotRequired[_Absent]
    system: NotRequired[_Absent]
    errors: NotRequired[list[WhatsappInboundMessageError]]
    unsupported: NotRequired[_Absent]
    voice: NotRequired[_Absent]


@final
class WhatsappInboundAudioMessage(_WhatsappInboundMessage):
    type: Literal["audio"]
    text: NotRequired[_Absent]
    image: NotRequired[_Absent]
    video: NotRequired[_Absent]
    audio: WhatsappInboundMessageMedia
    document: NotRequired[_Absent]
    sticker: NotRequired[_Absent]
    interactive: NotRequired[_Absent]
    location: NotRequired[_Absent]
    button: NotRequired[_Absent]
    contacts: NotRequired[_Absent]
    reaction: NotRequired[_Absent]
    order: NotRequired[_Absent]
    system: NotRequired[_Absent]
    errors: NotRequired[list[WhatsappInboundMessageError]]
    unsupported: NotRequired[_Absent]
    voice: NotRequired[_Absent]


@final
class WhatsappInboundDocumentMessage(_WhatsappInboundMessage):
    type: Literal["document"]
    text: NotRequired[_Absent]
    image: NotRequired[_Absent]
    video: NotRequired[_Absent]
    audio: NotRequired[_Absent]
    document: WhatsappInboundMessageMedia
    sticker: NotRequired[_Absent]
    interactive: NotRequired[_Absent]
    location: NotRequired[_Absent]
    button: NotRequired[_Absent]
    contacts: NotRequired[_Absent]
    reaction: NotRequired[_Absent]
    order: NotRequired[_Absent]
    system: NotRequired[_Absent]
    errors: NotRequired[list[WhatsappInboundMessageError]]
    unsupported: NotRequired[_Absent]
    voice: NotRequired[_Absent]


@final
class WhatsappInboundStickerMessage(_WhatsappInboundMessage):
    type: Literal["sticker"]
    text: NotRequired[_Absent]
    image: NotRequired[_Absent]
    video: NotRequired[_Absent]
    audio: NotRequired[_Absent]
    document: NotRequired[_Absent]
    sticker: WhatsappInboundMessageMedia
    interactive: NotRequired[_Absent]
    location: NotRequired[_Absent]
    button: NotRequired[_Absent]
    contacts: NotRequired[_Absent]
    reaction: NotRequired[_Absent]
    order: NotRequired[_Absent]
    system: NotRequired[_Absent]
    errors: NotRequired[list[WhatsappInboundMessageError]]
    unsupported: NotRequired[_Absent]
    voice: NotRequired[_Absent]


@final
class WhatsappInboundContactsMessage(_WhatsappInboundMessage):
    type: Literal["contacts"]
    text: NotRequired[_Absent]
    image: NotRequired[_Absent]
    video: NotRequired[_Absent]
    audio: NotRequired[_Absent]
    document: NotRequired[_Absent]
    sticker: NotRequired[_Absent]
    interactive: NotRequired[_Absent]
    location: NotRequired[_Absent]
    button: NotRequired[_Absent]
    contacts: list[WhatsappMessageContact]
    reaction: NotRequired[_Absent]
    order: NotRequired[_Absent]
    system: NotRequired[_Absent]
    errors: NotRequired[list[WhatsappInboundMessageError]]
    unsupported: NotRequired[_Absent]
    voice: NotRequired[_Absent]


@final
class WhatsappInboundLocationMessage(_WhatsappInboundMessage):
    type: Literal["location"]
    text: NotRequired[_Absent]
    image: NotRequired[_Absent]
    video: NotRequired[_Absent]
    audio: NotRequired[_Absent]
    document: NotRequired[_Absent]
    sticker: NotRequired[_Absent]
    interactive: NotRequired[_Absent]
    location: WhatsappInboundMessageLocation
    button: NotRequired[_Absent]
    contacts: NotRequired[_Absent]
    reaction: NotRequired[_Absent]
    order: NotRequired[_Absent]
    system: NotRequired[_Absent]
    errors: NotRequired[list[WhatsappInboundMessageError]]
    unsupported: NotRequired[_Absent]
    voice: NotRequired[_Absent]


@final
class WhatsappInboundInteractiveMessage(_WhatsappInboundMessage):
    type: Literal["interactive"]
    text: NotRequired[_Absent]
    image: NotRequired[_Absent]
    video: NotRequired[_Absent]
    audio: NotRequired[_Absent]
    document: NotRequired[_Absent]
    sticker: NotRequired[_Absent]
    interactive: WhatsappInboundMessageInteractive
    location: NotRequired[_Absent]
    button: NotRequired[_Absent]
    contacts: NotRequired[_Absent]
    reaction: NotRequired[_Absent]
    order: NotRequired[_Absent]
    system: NotRequired[_Absent]
    errors: NotRequired[list[WhatsappInboundMessageError]]
    unsupported: NotRequired[_Absent]
    voice: NotRequired[_Absent]


@final
class WhatsappInboundButtonMessage(_WhatsappInboundMessage):
    type: Literal["button"]
    text: NotRequired[_Absent]
    image: NotRequired[_Absent]
    video: NotRequired[_Absent]
    audio: NotRequired[_Absent]
    document: NotRequired[_Absent]
    sticker: NotRequired[_Absent]
    interactive: NotRequired[_Absent]
    location: NotRequired[_Absent]
    button: WhatsappInboundMessageButton
    contacts: NotRequired[_Absent]
    reaction: NotRequired[_Absent]
    order: NotRequired[_Absent]
    system: NotRequired[_Absent]
    errors: NotRequired[list[WhatsappInboundMessageError]]
    unsupported: NotRequired[_Absent]
    voice: NotRequired[_Absent]


@final
class WhatsappInboundReactionMessage(_WhatsappInboundMessage):
    type: Literal["reaction"]
    text: NotRequired[_Absent]
    image: NotRequired[_Absent]
    video: NotRequired[_Absent]
    audio: NotRequired[_Absent]
    document: NotRequired[_Absent]
    sticker: NotRequired[_Absent]
    interactive: NotRequired[_Absent]
    location: NotRequired[_Absent]
    button: NotRequired[_Absent]
    contacts: NotRequired[_Absent]
    reaction: WhatsappMessageReaction
    order: NotRequired[_Absent]
    system: NotRequired[_Absent]
    errors: NotRequired[list[WhatsappInboundMessageError]]
    unsupported: NotRequired[_Absent]
    voice: NotRequired[_Absent]


@final
class WhatsappInboundRequestWelcomeMessage(_WhatsappInboundMessage):
    type: Literal["request_welcome"]
    text: NotRequired[_Absent]
    image: NotRequired[_Absent]
    video: NotRequired[_Absent]
    audio: NotRequired[_Absent]
    document: NotRequired[_Absent]
    sticker: NotRequired[_Absent]
    interactive: NotRequired[_Absent]
    location: NotRequired[_Absent]
    button: NotRequired[_Absent]
    contacts: NotRequired[_Absent]
    reaction: NotRequired[_Absent]
    order: NotRequired[_Absent]
    system: NotRequired[_Absent]
    errors: NotRequired[list[WhatsappInboundMessageError]]
    unsupported: NotRequired[_Absent]
    voice: NotRequired[_Absent]


@final
class WhatsappInboundOrderMessage(_WhatsappInboundMessage):
    type: Literal["order"]
    text: NotRequired[_Absent]
    image: NotRequired[_Absent]
    video: NotRequired[_Absent]
    audio: NotRequired[_Absent]
    document: NotRequired[_Absent]
    sticker: NotRequired[_Absent]
    interactive: NotRequired[_Absent]
    location: NotRequired[_Absent]
    button: NotRequired[_Absent]
    contacts: NotRequired[_Absent]
    reaction: NotRequired[_Absent]
    order: WhatsappInboundMessageOrder
    system: NotRequired[_Absent]
    errors: NotRequired[list[WhatsappInboundMessageError]]
    unsupported: NotRequired[_Absent]
    voice: NotRequired[_Absent]


@final
class WhatsappInboundSystemMessage(_WhatsappInboundMessage):
    type: Literal["system"]
    text: NotRequired[_Absent]
    image: NotRequired[_Absent]
    video: NotRequired[_Absent]
    audio: NotRequired[_Absent]
    document: NotRequired[_Absent]
    sticker: NotRequired[_Absent]
    interactive: NotRequired[_Absent]
    location: NotRequired[_Absent]
    button: NotRequired[_Absent]
    contacts: NotRequired[_Absent]
    reaction: NotRequired[_Absent]
    order: NotRequired[_Absent]
    system: WhatsappInboundMessageSystem
    errors: NotRequired[list[WhatsappInboundMessageError]]
    unsupported: NotRequired[_Absent]
    voice: NotRequired[_Absent]


@final
class WhatsappInboundUnsupportedMessage(_WhatsappInboundMessage):
    type: Literal["unsupported"]
    text: NotRequired[_Absent]
    image: NotRequired[_Absent]
    video: NotRequired[_Absent]
    audio: NotRequired[_Absent]
    document: NotRequired[_Absent]
    sticker: NotRequired[_Absent]
    interactive: NotRequired[_Absent]
    location: NotRequired[_Absent]
    button: NotRequired[_Absent]
    contacts: NotRequired[_Absent]
    reaction: NotRequired[_Absent]
    order: NotRequired[_Absent]
    system: NotRequired[_Absent]
    errors: list[WhatsappInboundMessageError]
    unsupported: NotRequired[WhatsappInboundMessageUnsupported]
    voice: NotRequired[_Absent]


@final
class WhatsappInboundOtherMessage(_WhatsappInboundMessage):
    type: WhatsappInboundMessageOtherType
    text: NotRequired[_Absent]
    image: NotRequired[_Absent]
    video: NotRequired[_Absent]
    audio: NotRequired[_Absent]
    document: NotRequired[_Absent]
    sticker: NotRequired[_Absent]
    interactive: NotRequired[_Absent]
    location: NotRequired[_Absent]
    button: NotRequired[_Absent]
    contacts: NotRequired[_Absent]
    reaction: NotRequired[_Absent]
    order: NotRequired[_Absent]
    system: NotRequired[_Absent]
    errors: NotRequired[list[WhatsappInboundMessageError]]
    unsupported: NotRequired[_Absent]
    voice: NotRequired[WhatsappInboundMessageMedia]


#: WhatsApp inbound message object.
WhatsappInboundMessage: TypeAlias = (
    WhatsappInboundTextMessage
    | WhatsappInboundImageMessage
    | WhatsappInboundVideoMessage
    | WhatsappInboundAudioMessage
    | WhatsappInboundDocumentMessage
    | WhatsappInboundStickerMessage
    | WhatsappInboundContactsMessage
    | WhatsappInboundLocationMessage
    | WhatsappInboundInteractiveMessage
    | WhatsappInboundButtonMessage
    | WhatsappInboundReactionMessage
    | WhatsappInboundRequestWelcomeMessage
    | WhatsappInboundOrderMessage
    | WhatsappInboundSystemMessage
    | WhatsappInboundUnsupportedMessage
    | WhatsappInboundOtherMessage
)


class WhatsappConversation(TypedDict):
    """
    WhatsApp defines a conversation as a 24-hour session of messaging between a person and a business.
    See also [Conversation-Based Pricing](https://developers.facebook.com/docs/whatsapp/pricing).
    """

    id: NotRequired[str]
    """
    Unique ID for the object.
    """
    type: NotRequired[Literal["FREE_ENTRY", "FREE_TIER", "REGULAR"] | str]
    originType: NotRequired[
        Literal["referral_conversion", "authentication", "marketing", "utility", "service"]
        | str
    ]
    expireTime: NotRequired[str]
    """
    Date when the conversation expires, formatted in [RFC 3339](https://datatracker.ietf.org/doc/html/rfc3339). e.g., `2022-06-01T12:00:00.000Z`.
    """


class WhatsappMessageTemplateLanguage(TypedDict):
    """
    Contains a language object. Specifies the language the template may be rendered in.
    """

    code: str
    """
    The code of the language or locale to use. Accepts both language and language_locale formats (e.g., en and en_US). See [Supported Languages](https://developers.facebook.com/documentation/business-messaging/whatsapp/templates/supported-languages) for all codes.
    """
    policy: NotRequired[str]
    """
    The language policy the message should follow.
    Default (and only supported option): `deterministic`, which means that WhatsApp delivers the message template in exactly the language and locale asked for.
    """


class WhatsappMessageMedia(TypedDict):
    """
    Use for `image`, `gif`, `video`, `audio`, `document`, or `sticker` messages.
    See also [Supported Media Types](https://developers.facebook.com/docs/whatsapp/cloud-api/reference/media#supported-media-types).

    **Note**: Either `id` or `link` must be provided, but not both. These parameters are mutually exclusive.

    Reference: [WhatsApp Cloud API Media Object](https://developers.facebook.com/docs/whatsapp/cloud-api/reference/messages#media-object)
    """

    id: NotRequired[str]
    """
    **Use this when media is uploaded to WhatsApp servers.**

    Provide the media object ID obtained from WhatsApp media upload API (https://docs.ycloud.com/update/reference/whatsapp_media-upload#/).

    Note: Either `id` or `link` must be provided. If both are provided, `id` takes precedence.
    """
    link: NotRequired[str]
    """
    **Use this when sending media directly from your server.**

    The protocol and URL of the media to be sent. Use only with HTTP/HTTPS URLs.

    Note: WhatsApp Cloud API caches media resources for 10 minutes. To ensure latest content, add random query strings to the URL.

    Note: Either `id` or `link` must be provided. If both are provided, `id` takes precedence and `link` will be ignored.
    """
    caption: NotRequired[str]
    """
    Describes the specified `image`, `gif`, `video`, or `document` media. Not applicable in the `header` of `template` or `interactive` messages.
    """
    filename: NotRequired[str]
    """
    Describes the filename for the specific document. Use only with `document` media.
    """
    sha256: NotRequired[str]
    """
    The SHA-256 hash of the media.
    """
    mime_type: NotRequired[str]
    """
    The media type, such as image/jpeg.
    """


class WhatsappMessageTemplateComponentParameterLimitedTimeOffer(TypedDict):
    """
    Required if template uses offer expiration details.
    """

    expiration_time_ms: NotRequired[int]
    """
    **Required.**
    Offer code expiration time as a UNIX timestamp in milliseconds.
    """


class WhatsappMessageTemplateComponentParameterActionSectionProductItem(TypedDict):
    product_retailer_id: NotRequired[str]
    """
    SKU number of the item you want to appear in the section.
    SKU numbers are labeled as **Content ID** in the [Commerce Manager](https://business.facebook.com/commerce).
    """


class WhatsappMessageTemplateComponentParameterActionSection(TypedDict):
    title: NotRequired[str]
    """
    Section title text.
    Maximum 24 characters. Markdown is not supported.
    """
    product_items: NotRequired[
        list[WhatsappMessageTemplateComponentParameterActionSectionProductItem]
    ]
    """
    Array of product SKU numbers. There is a minimum of 1 product per section and a maximum of 30 products across all sections.
    """


class WhatsappMessageOrderAmount(TypedDict):
    """
    Represents the amount of an order.
    """

    offset: int
    """
    Must be `100` for `INR`.
    """
    value: int
    """
    Positive integer representing the amount value multiplied by offset.
    For example, ₹12.34 has value 1234.
    """
    description: NotRequired[str]
    """
    Use only for `tax`, `shipping`, or `discount`.
    Description of the amount. Max character limit is 60 characters.
    """
    discount_program_name: NotRequired[str]
    """
    Use only for `discount`.
    Text used for defining incentivised orders. If order is incentivised, the merchant needs to define this information. Max character limit is 60 characters.
    """


class WhatsappMessageOrderItem(TypedDict):
    retailer_id: NotRequired[str]
    """
    Content ID for an item in the order from your catalog.
    """
    name: str
    """
    The item's name to be displayed to the user. Cannot exceed 60 characters.
    """
    image: NotRequired[WhatsappMessageMedia]
    amount: WhatsappMessageOrderAmount
    sale_amount: NotRequired[WhatsappMessageOrderAmount]
    quantity: int
    """
    The number of items in the order.
    """
    country_of_origin: NotRequired[str]
    """
    Required if `catalog_id` is not present.
    The country of origin of the product.
    """
    importer_name: NotRequired[str]
    """
    Required if `catalog_id` is not present.
    Name of the importer company.
    """
    importer_address: NotRequired[str]
    """
    Required if `catalog_id` is not present.
    Address of importer company.
    """


class WhatsappMessageOrderExpiration(TypedDict):
    """
    Expiration for this order.
    """

    timestamp: str
    """
    A string of UTC timestamp in seconds of time when order should expire. Minimum threshold is 300 seconds.
    """
    description: NotRequired[str]
    """
    Text explanation for expiration.
    """


class WhatsappMessageOrderInfo(TypedDict):
    """
    Order info.
    """

    status: NotRequired[
        Literal[
            "pending", "processing", "partially_shipped", "shipped", "completed", "canceled"
        ]
        | str
    ]
    type: NotRequired[str]
    """
    Only supported value is `quick_pay`.
    When this field is passed in we hide the "Review and Pay" button and only show the "Pay Now" button in the order details bubble.
    """
    catalog_id: NotRequired[str]
    """
    Unique identifier of the Facebook catalog being used by the business.
    If you do not provide this field, you must provide the following fields inside the items object: `country_of_origin`, `importer_name`, and `importer_address`.
    """
    items: NotRequired[list[WhatsappMessageOrderItem]]
    """
    Array of items in the order.
    """
    subtotal: NotRequired[WhatsappMessageOrderAmount]
    tax: NotRequired[WhatsappMessageOrderAmount]
    shipping: NotRequired[WhatsappMessageOrderAmount]
    discount: NotRequired[WhatsappMessageOrderAmount]
    expiration: NotRequired[WhatsappMessageOrderExpiration]
    description: NotRequired[str]
    """
    **Optional.**
    Text for sharing status related information. Could be useful while sending cancellation. Max character limit is 120 characters.
    """


class WhatsappMessageOrderPaymentSettingPaymentGatewayBilldesk(TypedDict):
    """
    Additional info for BillDesk.
    User-defined fields (extra) are used to store any information corresponding to a particular order. Each extra field has a maximum character limit of 120.
    """

    additional_info1: NotRequired[str]
    additional_info2: NotRequired[str]
    additional_info3: NotRequired[str]
    additional_info4: NotRequired[str]
    additional_info5: NotRequired[str]
    additional_info6: NotRequired[str]
    additional_info7: NotRequired[str]


class WhatsappMessageOrderPaymentSettingPaymentGatewayPayu(TypedDict):
    """
    Additional info for PayU.
    User-defined fields (udf) are used to store any information corresponding to a particular order. Each UDF field has a maximum character limit of 255.
    """

    udf1: NotRequired[str]
    udf2: NotRequired[str]
    udf3: NotRequired[str]
    udf4: NotRequired[str]


class WhatsappMessageOrderPaymentSettingPaymentGatewayRazorpay(TypedDict):
    """
    Additional info for Razorpay.
    """

    receipt: NotRequired[str]
    """
    Receipt number that corresponds to this order, set for your internal reference.
    Maximum length of 40 characters supported with minimum length greater than 0 characters.
    """
    notes: NotRequired[dict[str, str]]
    """
    The object can be key value pairs with maximum 15 keys and each value limits to 256 characters.
    """


class WhatsappMessageOrderPaymentSettingPaymentGatewayZaakpay(TypedDict):
    """
    Additional info for Zaakpay.
    User-defined fields (extra) are used to store any information corresponding to a particular order. Each extra field has a maximum character limit of 180.
    """

    extra1: NotRequired[str]
    extra2: NotRequired[str]


class WhatsappMessageOrderPaymentGateway(TypedDict):
    """
    An object that describes payment account information.
    """

    type: Literal["billdesk", "razorpay", "payu", "zaakpay"] | str
    """
    Payment type.
    Must set this to `billdesk`, `razorpay`, `payu`, or `zaakpay`, if you have linked your BillDesk, Razorpay, PayU, or Zaakpay payment gateway to accept payments.
    """
    configuration_name: str
    """
    The name of the pre-configured payment configuration to use for this order and must not exceed 60 characters.
    This value must match with a payment configuration set up on the WhatsApp Business Manager.
    """
    billdesk: NotRequired[WhatsappMessageOrderPaymentSettingPaymentGatewayBilldesk]
    payu: NotRequired[WhatsappMessageOrderPaymentSettingPaymentGatewayPayu]
    razorpay: NotRequired[WhatsappMessageOrderPaymentSettingPaymentGatewayRazorpay]
    zaakpay: NotRequired[WhatsappMessageOrderPaymentSettingPaymentGatewayZaakpay]


class WhatsappMessageOrderPaymentSetting(TypedDict):
    """
    Payment settings for the order.
    """

    type: str
    """
    Must be set to `payment_gateway`.
    """
    payment_gateway: WhatsappMessageOrderPaymentGateway


class WhatsappMessageOrderDetails(TypedDict):
    """
    Contains the order details when sending a template message with a `order_details` button.
    """

    currency: str
    """
    The currency for this order.
    Currently the only supported value is `INR`.
    """
    order: WhatsappMessageOrderInfo
    reference_id: str
    """
    Unique identifier for the order provided by the business. It is case sensitive and cannot be an empty string and can only contain English letters, numbers, underscores, dashes, or dots, and should not exceed 35 characters.

    The `reference_id` must be unique for each order_details message for a given business. If there is a need to send multiple order_details messages for the same order, it is recommended to include a sequence number in the reference_id (for example, "BM345A-12") to ensure reference_id uniqueness.
    """
    total_amount: WhatsappMessageOrderAmount
    type: str
    """
    The type of goods being paid for in this order. Current supported options are `digital-goods` and `physical-goods`.
    """
    payment_settings: list[WhatsappMessageOrderPaymentSetting]
    """
    Payment settings for the order.
    """


class WhatsappMessageTemplateComponentParameterAction(TypedDict):
    """
    Required if template uses catalog or MPM (multi-product message) buttons.
    """

    thumbnail_product_retailer_id: NotRequired[str]
    """
    **Optional.**
    Use for catalog and MPM template messages.
    Item SKU number. Labeled as Content ID in the Commerce Manager.
    The thumbnail of this item will be used as the message's header image.
    If the `parameters` object is omitted, the product image of the first item in your catalog will be used.
    """
    sections: NotRequired[list[WhatsappMessageTemplateComponentParameterActionSection]]
    """
    Use for MPM templates.
    Product sections. You can define up to 10 sections.
    """
    flow_token: NotRequired[str]
    """
    Use for `FLOW` buttons.
    Flow token that is generated by the business to serve as an identifier. Defaults to `unused`.
    """
    flow_action_data: NotRequired[dict[str, dict[str, Any]]]
    """
    Use for `FLOW` buttons.
    JSON object with the data payload for the first screen.
    """
    order_details: NotRequired[WhatsappMessageOrderDetails]


class WhatsappMessageOrderStatus(TypedDict):
    reference_id: NotRequired[str]
    """
    Unique identifier for the order provided by the business.
    """
    order: NotRequired[WhatsappMessageOrderInfo]


class WhatsappMessageLocation(TypedDict):
    """
    Use for `location` messages.
    """

    latitude: float
    """
    Latitude of the location.
    """
    longitude: float
    """
    Longitude of the location.
    """
    name: NotRequired[str]
    """
    Name of the location.
    """
    address: NotRequired[str]
    """
    Address of the location. Only displayed if `name` is present.
    """


class WhatsappMessageTemplateComponentParameter(TypedDict):
    type: NotRequired[
        Literal[
            "text",
            "image",
            "gif",
            "video",
            "document",
            "payload",
            "coupon_code",
            "limited_time_offer",
            "action",
            "order_status",
            "location",
            "group_id",
        ]
        | str
    ]
    """
    **Required.**
    Component parameter type.
    - `text`: Used when the template component type is `BODY`, or the `HEADER` component format is `TEXT`.
    - `image`: Used when the template `HEADER` component is `IMAGE`.
    - `gif`: Used when the template `HEADER` component is `GIF`.
    - `video`: Used when the template `HEADER` component is `VIDEO`.
    - `document`: Used when the template `HEADER` component is `DOCUMENT`.
    - `payload`: Used when the template component button type is `QUICK_REPLY`.
    - `coupon_code`: Used when the template component button type is `COPY_CODE`.
    - `limited_time_offer`: Used when the template component type is `LIMITED_TIME_OFFER`.
    - `action`: Used when the template component button type is `CATALOG`, `MPM`, `FLOW`, or `ORDER_DETAILS`.
    - `order_status`: Used when the template subcategory is `ORDER_STATUS`.
    - `location`: Used when the template `HEADER` component is `LOCATION`.
    - `group_id`: Used by WhatsApp group invite link templates.
    """
    text: NotRequired[str]
    """
    **Required when `type` = `text`.**
    The message's text. For the header component, the character limit is 60 characters. For the body component, the character limit is 1024 characters.
    For url buttons, it indicates the developer-provided suffix that is appended to the predefined prefix URL in the template.
    """
    payload: NotRequired[str]
    """
    Required for `quick_reply` buttons.
    Developer-defined payload that is returned when the button is clicked in addition to the display text on the button.
    """
    coupon_code: NotRequired[str]
    """
    **Required when `type` = `coupon_code`.**
    The coupon code to be copied when the customer taps the button.
    """
    image: NotRequired[WhatsappMessageMedia]
    gif: NotRequired[WhatsappMessageMedia]
    video: NotRequired[WhatsappMessageMedia]
    document: NotRequired[WhatsappMessageMedia]
    limited_time_offer: NotRequired[
        WhatsappMessageTemplateComponentParameterLimitedTimeOffer
    ]
    action: NotRequired[WhatsappMessageTemplateComponentParameterAction]
    order_status: NotRequired[WhatsappMessageOrderStatus]
    location: NotRequired[WhatsappMessageLocation]
    group_id: NotRequired[str]
    """
    **Required when `type` = `group_id`.**
    WhatsApp group ID used by group invite link templates.
    """


class WhatsappMessageTemplateComponentCardComponent(TypedDict):
    """
    Card component object containing the parameters of the message.
    """

    type: Literal["header", "body", "button"] | str
    """
    Component type.
    """
    sub_type: NotRequired[Literal["quick_reply", "url"] | str]
    """
    **Required when type is `button`.**
    Type of button.
    - `quick_reply`: Refers to a previously created quick reply button that allows for the customer to return a predefined message.
    - `url`: Refers to a previously created url button that allows the customer to visit the URL generated by appending the text parameter to the predefined prefix URL in the template.
    """
    index: NotRequired[int]
    """
    **Required when `type` = `button`. Not used for the other types.**
    Indicates order in which button should appear, if the template uses multiple buttons.
    Buttons are zero-indexed, so setting value to 0 will cause the button to appear first, and another button with an index of 1 will appear next, etc.
    """
    parameters: NotRequired[list[WhatsappMessageTemplateComponentParameter]]
    """
    **Required when `type` = `button`, or there are variables in the corresponding template component, or the card component `HEADER` format is media (`IMAGE`, `VIDEO`).**
    Array of parameter objects with the content of the message.
    """


class WhatsappMessageTemplateComponentCard(TypedDict):
    """
    Card component containing the parameters of the message.
    """

    card_index: NotRequired[int]
    """
    **Required.**
    Zero-indexed order in which card appears within the card carousel. 0 indicates first card, 1 indicates second card, etc.
    """
    components: NotRequired[list[WhatsappMessageTemplateComponentCardComponent]]
    """
    Card component.
    """


class WhatsappMessageTemplateComponent(TypedDict):
    """
    Component object containing the parameters of the message.
    """

    type: (
        Literal[
            "header", "body", "button", "limited_time_offer", "carousel", "order_status"
        ]
        | str
    )
    """
    Component type.
    """
    sub_type: NotRequired[
        Literal[
            "quick_reply", "url", "copy_code", "catalog", "mpm", "flow", "order_details"
        ]
        | str
    ]
    """
    **Required when type is `button`.**
    Type of button.
    - `quick_reply`: Refers to a previously created quick reply button that allows for the customer to return a predefined message.
    - `url`: Refers to a previously created url button that allows the customer to visit the URL generated by appending the text parameter to the predefined prefix URL in the template.
    - `copy_code`: Refers to a previously created copy code button that allows the customer to copy a text string (defined when the template is sent in a template message) to the device's clipboard when tapped by the app user.
    - `catalog`: Refers to a previously created catalog button that allows the customer to view your product catalog.
    - `mpm`: Refers to a previously created MPM (multi-product message) button that allows the customer to browser products and sections.
    - `flow`: Refers to a previously created flow button that allows the customer to interact with a [flow](https://developers.facebook.com/docs/whatsapp/flows).
    - `order_details`: Refers to a previously created order details button that allows the customer to view the details of an order.
    """
    index: NotRequired[int]
    """
    **Required when `type` = `button`. Not used for the other types.**
    Indicates order in which button should appear, if the template uses multiple buttons.
    Buttons are zero-indexed, so setting value to 0 will cause the button to appear first, and another button with an index of 1 will appear next, etc.
    """
    parameters: NotRequired[list[WhatsappMessageTemplateComponentParameter]]
    """
    **Required when `type` = `button`, or there are variables in the corresponding template component, or the template `HEADER` format is media (`IMAGE`, `VIDEO`, or `DOCUMENT`).**
    Array of parameter objects with the content of the message.
    """
    cards: NotRequired[list[WhatsappMessageTemplateComponentCard]]
    """
    Use for `carousel` components. Provides card components containing the parameters of the message.
    """


class WhatsappMessageTemplate(TypedDict):
    """
    Use for sending a WhatsApp `template` message.
    """

    name: str
    """
    Name of the template.
    """
    language: WhatsappMessageTemplateLanguage
    components: NotRequired[list[WhatsappMessageTemplateComponent]]
    """
    **Required when the specified template contains variables or media.**
    Array of component objects containing the parameters of the message.
    """


class WhatsappMessageText(TypedDict):
    """
    WhatsApp Message Text Object.
    """

    body: str
    """
    Required for text messages.
    The text of the text message which can contain URLs which begin with http:// or https:// and formatting. See available formatting options here.
    If you include URLs in your text and want to include a preview box in text messages (preview_url: true), make sure the URL starts with http:// or https:// — https:// URLs are preferred. You must include a hostname, since IP addresses will not be matched.
    Maximum length: 4096 characters.
    """
    preview_url: NotRequired[bool]
    """
    By default, WhatsApp recognizes URLs and makes them clickable, but you can also include a preview box with more information about the link. Set this field to true if you want to include a URL preview box.
    The majority of the time, the receiver will see a URL they can click on when you send an URL, set preview_url to true, and provide a body object with a http or https link.
    URL previews are only rendered after one of the following has happened:
    - The business has sent a message template to the user.
    - The user initiates a conversation with a "click to chat" link.
    - The user adds the business phone number to their address book and initiates a conversation.
    Default: `false`.
    """


class WhatsappMessageInteractiveActionButtonReply(TypedDict):
    title: NotRequired[str]
    """
    Button title. It cannot be an empty string and must be unique within the message. Emojis are supported, markdown is not. Maximum length: 20 characters.
    """
    id: NotRequired[str]
    """
    Unique identifier for your button. This ID is returned in the webhook when the button is clicked by the user. Maximum length: 256 characters. You cannot have leading or trailing spaces when setting the ID.
    """


class WhatsappMessageInteractiveActionButton(TypedDict):
    """
    A button object in `interactive` messages.
    """

    type: NotRequired[Literal["reply"] | str]
    """
    Only supported type is `reply` (for Reply Button).
    """
    reply: NotRequired[WhatsappMessageInteractiveActionButtonReply]


class WhatsappMessageInteractiveActionSectionRow(TypedDict):
    id: NotRequired[str]
    """
    Unique row ID. Maximum length: 200 characters.
    """
    title: NotRequired[str]
    """
    Row title content. Maximum length: 24 characters.
    """
    description: NotRequired[str]
    """
    Row description content. Maximum length: 72 characters.
    """


class WhatsappMessageInteractiveActionSectionProductItem(TypedDict):
    product_retailer_id: NotRequired[str]
    """
    Required for Multi-Product Messages.
    Unique identifier of the product in a catalog.
    """


class WhatsappMessageInteractiveActionSection(TypedDict):
    """
    WhatsApp Message Interactive Section Object.
    """

    title: NotRequired[str]
    """
    **Required if the message has more than one section.**
    Title of the section. Maximum length: 24 characters.
    """
    rows: NotRequired[list[WhatsappMessageInteractiveActionSectionRow]]
    """
    Contains a list of rows. You can have a total of 10 rows across your sections.
    Each row must have a title (Maximum length: 24 characters) and an ID (Maximum length: 200 characters). You can add a description (Maximum length: 72 characters), but it is optional.
    """
    product_items: NotRequired[list[WhatsappMessageInteractiveActionSectionProductItem]]
    """
    Required for Multi-Product Messages.
    Array of product objects. There is a minimum of 1 product per section and a maximum of 30 products across all sections.
    """


class WhatsappMessageInteractiveActionParametersFlowActionPayload(TypedDict):
    """
    Required if `flow_action` is `navigate`. Should be omitted otherwise.
    """

    screen: NotRequired[str]
    """
    The ID of the screen displayed first. It needs to be an **entry** screen.
    """
    data: NotRequired[dict[str, dict[str, Any]]]
    """
    Optional input data for the first screen of the Flow. If provided, this must be a non-empty object.
    """


class WhatsappMessageOrderBeneficiary(TypedDict):
    """
    A beneficiary is an intended recipient for shipping the physical goods in the order.
    Beneficiary information isn't shown to users but is needed for legal and compliance reasons.
    """

    name: str
    """
    Name of the individual or business receiving the physical goods. Cannot exceed 200 characters.
    """
    address_line1: str
    """
    Shipping address (Door/Tower Number, Street Name etc.). Cannot exceed 100 characters.
    """
    address_line2: NotRequired[str]
    """
    Shipping address (Landmark, Area, etc.). Cannot exceed 100 characters.
    """
    city: str
    """
    Name of the city.
    """
    state: str
    """
    Name of the state.
    """
    country: str
    """
    Name of the country.
    Currently the only supported value is `India`.
    """
    postal_code: str
    """
    6-digit zipcode of shipping address.
    """


class WhatsappMessageInteractiveActionParameters(TypedDict):
    """
    Action parameters.
    Required for Call-To-Action (CTA) buttons.
    """

    display_text: NotRequired[str]
    """
    Text of the CTA URL button.
    Maximum length: 20 bytes.
    """
    url: NotRequired[str]
    """
    URL of the CTA URL button.
    """
    thumbnail_product_retailer_id: NotRequired[str]
    """
    Item SKU number. Labeled as **Content ID** in the [Commerce Manager](https://business.facebook.com/commerce).
    The thumbnail of this item will be used as the message's header image.
    """
    flow_message_version: NotRequired[str]
    """
    Use for `flow` buttons.
    Value must be "3".
    """
    flow_token: NotRequired[str]
    """
    Use for `flow` buttons.
    Flow token that is generated by the business to serve as an identifier. Defaults to `unused`.
    """
    flow_id: NotRequired[str]
    """
    Conditionally required for `flow` buttons. Unique ID of the Flow provided by WhatsApp. Cannot be used with the `flow_name` parameter.
    """
    flow_name: NotRequired[str]
    """
    Conditionally required for `flow` buttons.
    The name of the Flow that you created. Cannot be used with the `flow_id` parameter. Changing the Flow name will require updating this parameter to match the new name.
    """
    flow_cta: NotRequired[str]
    """
    Required for `flow` buttons.
    Text on the CTA button. For example: "Open flow!". Maximum length: 20 characters.
    """
    flow_action: NotRequired[str]
    """
    Use for `flow` buttons.
    Either `navigate` or `data_exchange`. Defaults to `navigate`.
    """
    flow_action_payload: NotRequired[
        WhatsappMessageInteractiveActionParametersFlowActionPayload
    ]
    reference_id: NotRequired[str]
    """
    Required for `review_and_pay` buttons.
    Unique identifier for the order provided by the business. It is case sensitive and cannot be an empty string and can only contain English letters, numbers, underscores, dashes, or dots, and should not exceed 35 characters.

    The `reference_id` must be unique for each order_details message for a given business. If there is a need to send multiple order_details messages for the same order, it is recommended to include a sequence number in the reference_id (for example, "BM345A-12") to ensure reference_id uniqueness.
    """
    type: NotRequired[str]
    """
    Required for `review_and_pay` buttons.
    The type of goods being paid for in this order. Current supported options are `digital-goods` and `physical-goods`.
    """
    beneficiaries: NotRequired[list[WhatsappMessageOrderBeneficiary]]
    """
    Required for `review_and_pay` buttons.
    An array of beneficiaries for this order.
    A beneficiary is an intended recipient for shipping the physical goods in the order.
    Beneficiary information isn't shown to users but is needed for legal and compliance reasons.
    """
    currency: NotRequired[str]
    """
    Required for `review_and_pay` buttons.
    The currency for this order.
    Currently the only supported value is `INR`.
    """
    total_amount: NotRequired[WhatsappMessageOrderAmount]
    order: NotRequired[WhatsappMessageOrderInfo]
    payment_settings: NotRequired[list[WhatsappMessageOrderPaymentSetting]]
    """
    Required for `review_and_pay` buttons.
    Payment settings for the order.
    """


class WhatsappMessageInteractiveActionCardHeader(TypedDict):
    type: NotRequired[Literal["image", "video"] | str]
    """
    **Required.**
    The header type you would like to use.
    - `video`: Used for Reply Buttons.
    - `image`: Used for Reply Buttons.
    """
    image: NotRequired[WhatsappMessageMedia]
    video: NotRequired[WhatsappMessageMedia]


class WhatsappMessageInteractiveActionCardBody(TypedDict):
    """
    Optional for card.
    """

    text: NotRequired[str]
    """
    Max 160 chars, and up to 2 line breaks.
    """


class WhatsappMessageInteractiveActionCardActionParameters(TypedDict):
    """
    Required when card action is url button. Only support `display_text` and `url`. Button display text Max 20 chars.
    """

    display_text: NotRequired[str]
    """
    Text of the CTA URL button.
    Maximum length: 20 bytes.
    """
    url: NotRequired[str]
    """
    URL of the CTA URL button.
    """


class WhatsappMessageInteractiveActionCardActionButtonQuickReply(TypedDict):
    title: NotRequired[str]
    """
    Button title. It cannot be an empty string and must be unique within the message. Emojis are supported, markdown is not. Maximum length: 20 characters.
    """
    id: NotRequired[str]
    """
    Unique identifier for your button. This ID is returned in the webhook when the button is clicked by the user. Maximum length: 20 characters. You cannot have leading or trailing spaces when setting the ID.
    """


class WhatsappMessageInteractiveActionCardActionButton(TypedDict):
    type: NotRequired[str]
    """
    Must be "quick_reply".
    """
    quick_reply: NotRequired[WhatsappMessageInteractiveActionCardActionButtonQuickReply]


class WhatsappMessageInteractiveActionCardAction(TypedDict):
    """
    A button object in `interactive` messages.
    Cards must include either one URL button, or one or more quick-reply buttons. Button types and numbers must match across all cards (for example, if you define a card with 2 quick-reply buttons, all cards must define exactly 2 quick-reply buttons).
    """

    name: NotRequired[str]
    """
    Required when card action is url button. Must be "cta_url".
    """
    parameters: NotRequired[WhatsappMessageInteractiveActionCardActionParameters]
    buttons: NotRequired[list[WhatsappMessageInteractiveActionCardActionButton]]
    """
    Required when card action is quick reply button.
    """


class WhatsappMessageInteractiveActionCard(TypedDict):
    """
    A card object in `interactive` messages. All cards must have the same structure.
    """

    card_index: NotRequired[float]
    """
    Card index. Unique index for each card (0-9).
    """
    type: NotRequired[str]
    """
    Must be "cta_url".
    """
    header: NotRequired[WhatsappMessageInteractiveActionCardHeader]
    body: NotRequired[WhatsappMessageInteractiveActionCardBody]
    action: NotRequired[WhatsappMessageInteractiveActionCardAction]


class WhatsappMessageInteractiveAction(TypedDict):
    """
    **Required.**
    Action you want the user to perform after reading the `interactive` message.
    """

    buttons: NotRequired[list[WhatsappMessageInteractiveActionButton]]
    """
    Required for Reply Buttons. You can have up to 3 buttons.
    """
    button: NotRequired[str]
    """
    Required for List Messages. Button content. It cannot be an empty string and must be unique within the message. Emojis are supported, markdown is not. Maximum length: 20 characters.
    """
    catalog_id: NotRequired[str]
    """
    Required for Single Product Messages and Multi-Product Messages.
    Unique identifier of the Facebook catalog linked to your WhatsApp Business Account. This ID can be retrieved via the [Meta Commerce Manager](https://business.facebook.com/commerce).
    """
    product_retailer_id: NotRequired[str]
    """
    Required for Single Product Messages and Multi-Product Messages.
    Unique identifier of the product in a catalog.
    """
    sections: NotRequired[list[WhatsappMessageInteractiveActionSection]]
    """
    Required for List Messages and Multi-Product Messages.
    Array of section objects. Minimum of 1, maximum of 10.
    """
    name: NotRequired[
        Literal[
            "cta_url",
            "send_location",
            "flow",
            "review_and_pay",
            "review_order",
            "voice_call",
        ]
        | str
    ]
    """
    Action name.
    Required for Call-To-Action (CTA) buttons.
    - `cta_url`: Use for Call-To-Action (CTA) URL buttons.
    - `send_location`: Use for Location Request buttons.
    - `flow`: Use for Flow buttons.
    - `review_and_pay`: Use for Order Details buttons.
    - `review_order`: Use for Order Status buttons.
    - `voice_call`: Use for Voice Call buttons.
    """
    parameters: NotRequired[WhatsappMessageInteractiveActionParameters]
    cards: NotRequired[list[WhatsappMessageInteractiveActionCard]]
    """
    Required for Carousel Messages.
    Array of card objects. Minimum of 2, maximum of 10.
    """


class WhatsappMessageInteractiveBody(TypedDict):
    """
    Optional for type `product`. Required for other message types.
    """

    text: NotRequired[str]
    """
    The body content of the message. Emojis and markdown are supported. Maximum length: 1024 characters.
    """


class WhatsappMessageInteractiveHeader(TypedDict):
    """
    Required for type `product_list`. Optional for other types.
    """

    type: NotRequired[Literal["text", "image", "video", "document"] | str]
    """
    **Required.**
    The header type you would like to use.
    - `text`: Used for List Messages, Reply Buttons, and Multi-Product Messages.
    - `video`: Used for Reply Buttons.
    - `image`: Used for Reply Buttons.
    - `document`: Used for Reply Buttons.
    """
    text: NotRequired[str]
    """
    Text for the header. Formatting allows emojis, but not markdown.
    """
    image: NotRequired[WhatsappMessageMedia]
    video: NotRequired[WhatsappMessageMedia]
    document: NotRequired[WhatsappMessageMedia]


class WhatsappMessageInteractiveFooter(TypedDict):
    """
    Optional. An object with the footer of the message.
    """

    text: NotRequired[str]
    """
    The footer content. Emojis and markdown are supported. Links are supported. Maximum length: 60 characters.
    """


class WhatsappMessageInteractive(TypedDict):
    """
    Use for `interactive` messages.
    """

    type: NotRequired[
        Literal[
            "button",
            "list",
            "cta_url",
            "product",
            "product_list",
            "catalog_message",
            "location_request_message",
            "order_details",
            "order_status",
            "voice_call",
            "flow",
            "carousel",
        ]
        | str
    ]
    """
    **Required.**
    The type of interactive message you want to send.
    - `button`: Use for Reply Buttons.
    - `list`: Use for List Messages.
    - `cta_url`: Use for Call-To-Action (CTA) URL Button Messages.
    - `product`: Use for Single Product Messages.
    - `product_list`: Use for Multi-Product Messages.
    - `catalog_message`: Use for Catalog Messages.
    - `location_request_message`: Use for Location Request Messages.
    - `order_details`: Use for Order Details Messages.
    - `order_status`: Use for Order Status Messages.
    - `voice_call`: Use for Voice Call Messages.
    - `flow`: Use for Flow Messages.
    - `carousel`: Use for media carousel message.
    """
    action: NotRequired[WhatsappMessageInteractiveAction]
    body: NotRequired[WhatsappMessageInteractiveBody]
    header: NotRequired[WhatsappMessageInteractiveHeader]
    footer: NotRequired[WhatsappMessageInteractiveFooter]


class WhatsappMessageContext(TypedDict):
    """
    Used to mention a specific message you are replying to. The reply can be any message type.
    """

    message_id: NotRequired[str]
    """
    Specifies the `wamid` of the message your are replying to. `wamid` is the original message ID on WhatsApp's platform.
    """


class WhatsappApiError(TypedDict):
    """
    The original error object returned by WhatsApp. See [Handling Errors](https://developers.facebook.com/docs/graph-api/guides/error-handling), [Cloud API Error Codes](https://developers.facebook.com/docs/whatsapp/cloud-api/support/error-codes).
    """

    message: str
    """
    A human-readable description of the error.
    """
    code: str
    """
    An error code.
    """
    type: NotRequired[str]
    """
    Error type.
    """
    error_subcode: NotRequired[str]
    """
    Additional code about the error.
    """
    error_user_msg: NotRequired[str]
    """
    The message to display to the user. The language of the message is based on the locale of the API request.
    """
    error_user_title: NotRequired[str]
    """
    The title of the dialog, if shown. The language of the message is based on the locale of the API request.
    """
    fbtrace_id: NotRequired[str]
    """
    Internal support identifier. When reporting a bug related to a Graph API call, include the fbtrace_id to help us find log data for debugging.
    """
    error_data: NotRequired[dict[str, Any]]
    """
    Additional data about the error. A string or map.
    - For template APIs, this field is a string describing the reason for the error.
    - For message APIs, this field is a map with property `details` describing the reason for the error.
    """


@final
class WhatsappMessage(_MayHaveFrom):
    """
    WhatsApp outbound message object.

    ``from``: The sender's phone number in [E.164](https://en.wikipedia.org/wiki/E.164) format.
    """

    id: str
    """
    Unique ID of the message.
    """
    wamid: NotRequired[str]
    """
    The original message ID on WhatsApp's platform.
    """
    wabaId: NotRequired[str]
    """
    WhatsApp Business Account ID.
    """
    to: NotRequired[str]
    """
    The recipient's phone number in [E.164](https://en.wikipedia.org/wiki/E.164) format.
    """
    recipient: NotRequired[str]
    """
    The recipient value submitted in the request when a BSUID or parent BSUID was used.
    """
    recipientUserId: NotRequired[str]
    """
    The recipient's WhatsApp Business-scoped user ID (BSUID).
    """
    toUserId: NotRequired[str]
    """
    Alias of `recipientUserId` kept for compatibility.
    """
    parentRecipientUserId: NotRequired[str]
    """
    The recipient's parent WhatsApp Business-scoped user ID.
    """
    toParentUserId: NotRequired[str]
    """
    Alias of `parentRecipientUserId` kept for compatibility.
    """
    customerProfile: NotRequired[WhatsappProfile]
    conversation: NotRequired[WhatsappConversation]
    type: NotRequired[
        Literal[
            "template",
            "text",
            "image",
            "audio",
            "video",
            "document",
            "sticker",
            "location",
            "interactive",
            "contacts",
            "reaction",
        ]
        | str
    ]
    template: NotRequired[WhatsappMessageTemplate]
    text: NotRequired[WhatsappMessageText]
    image: NotRequired[WhatsappMessageMedia]
    video: NotRequired[WhatsappMessageMedia]
    audio: NotRequired[WhatsappMessageMedia]
    document: NotRequired[WhatsappMessageMedia]
    sticker: NotRequired[WhatsappMessageMedia]
    location: NotRequired[WhatsappMessageLocation]
    interactive: NotRequired[WhatsappMessageInteractive]
    contacts: NotRequired[list[WhatsappMessageContact]]
    reaction: NotRequired[WhatsappMessageReaction]
    context: NotRequired[WhatsappMessageContext]
    externalId: NotRequired[str]
    """
    A unique (recommended) string to reference the object. This can be an order number or similar, and can be used to reconcile the object with your internal systems.
    """
    status: NotRequired[Literal["accepted", "failed", "sent", "delivered", "read"] | str]
    errorCode: NotRequired[str]
    """
    Error code when the message status is `failed`.
    """
    errorMessage: NotRequired[str]
    """
    Error message when the message status is `failed`.
    """
    createTime: NotRequired[str]
    """
    The time at which this message is created, formatted in [RFC 3339](https://datatracker.ietf.org/doc/html/rfc3339). e.g., `2022-06-01T12:00:00.000Z`.
    """
    updateTime: NotRequired[str]
    """
    The time at which this message is updated, formatted in [RFC 3339](https://datatracker.ietf.org/doc/html/rfc3339). e.g., `2022-06-01T12:00:00.000Z`.
    """
    sendTime: NotRequired[str]
    """
    The time at which this message `status` changed to `sent`, formatted in [RFC 3339](https://datatracker.ietf.org/doc/html/rfc3339). e.g., `2022-06-01T12:00:00.000Z`.
    """
    deliverTime: NotRequired[str]
    """
    The time at which this message `status` changed to `delivered`, formatted in [RFC 3339](https://datatracker.ietf.org/doc/html/rfc3339). e.g., `2022-06-01T12:00:00.000Z`.
    """
    readTime: NotRequired[str]
    """
    The time at which this message `status` changed to `read`, formatted in [RFC 3339](https://datatracker.ietf.org/doc/html/rfc3339). e.g., `2022-06-01T12:00:00.000Z`.
    """
    totalPrice: NotRequired[float]
    """
    Total price of this message.
    **Note: It's only an estimated price when the `status` is `accepted` or `sent`. It becomes the final price after the message is delivered, i.e., the `status` is `delivered` or `read`.**
    """
    currency: NotRequired[str]
    """
    Price currency. [ISO 4217 currency code](https://en.wikipedia.org/wiki/ISO_4217).
    """
    regionCode: NotRequired[str]
    """
    The [region code](https://en.wikipedia.org/wiki/ISO_3166-1_alpha-2) of the recipient phone number.
    """
    pricingCategory: NotRequired[
        Literal[
            "referral_conversion",
            "authentication",
            "authentication_international",
            "marketing",
            "marketing_lite",
            "utility",
            "service",
        ]
        | str
    ]
    pricingModel: NotRequired[Literal["PMP", "CBP"] | str]
    pricingType: NotRequired[
        Literal["regular", "free_customer_service", "free_entry_point"] | str
    ]
    whatsappApiError: NotRequired[WhatsappApiError]
    bizType: NotRequired[str]
    """
    This can be either empty or one of `whatsapp`, or `verify`. Defaults to `whatsapp`.
    - `whatsapp`: Indicates that the message is sent via the **WhatsApp** product.
    - `verify`: Indicates that the message is sent via the **Verify** product.
    """
    verificationId: NotRequired[str]
    """
    The verification ID. Included only when `bizType` is `verify`.
    """
    bidPricingFlag: NotRequired[bool]
    """
    Whether the price was found by bidding.
    """


class WhatsappGroupCustomerProfile(TypedDict):
    """
    WhatsApp customer profile information.
    """

    name: NotRequired[str]
    """
    WhatsApp profile name.
    """
    username: NotRequired[str]
    """
    WhatsApp username.
    """


class WhatsappGroupWebhookParticipant(TypedDict):
    """
    Participant information included in group webhook payloads.
    """

    input: NotRequired[str]
    """
    The original participant input.
    """
    waId: NotRequired[str]
    """
    WhatsApp user ID.
    """
    recipientUserId: NotRequired[str]
    """
    Business-scoped user ID.
    """
    parentRecipientUserId: NotRequired[str]
    """
    Parent business-scoped user ID.
    """
    customerProfile: NotRequired[WhatsappGroupCustomerProfile]
    errors: NotRequired[list[dict[str, Any]]]
    """
    Errors returned by WhatsApp for this participant.
    """


class WhatsappGroupWebhookSetting(TypedDict):
    """
    Group setting update detail.
    """

    name: NotRequired[
        Literal["profile_picture", "group_subject", "group_description"] | str
    ]
    """
    Setting name.
    """
    text: NotRequired[str]
    """
    Text value for subject or description updates.
    """
    updateSuccessful: NotRequired[bool]
    """
    Whether the setting update succeeded.
    """
    mimeType: NotRequired[str]
    """
    MIME type for profile picture updates.
    """
    sha256: NotRequired[str]
    """
    SHA-256 hash for profile picture updates.
    """
    errors: NotRequired[list[dict[str, Any]]]
    """
    Errors returned by WhatsApp for this setting.
    """


class WhatsappGroupWebhookStatusContact(TypedDict):
    """
    Contact information included in group message status webhooks.
    """

    customerProfile: NotRequired[WhatsappGroupCustomerProfile]
    waId: NotRequired[str]
    """
    WhatsApp user ID.
    """
    recipientUserId: NotRequired[str]
    """
    Business-scoped user ID.
    """
    parentRecipientUserId: NotRequired[str]
    """
    Parent business-scoped user ID.
    """


class WhatsappGroupWebhookConversationOrigin(TypedDict):
    type: NotRequired[str]
    """
    Conversation origin type.
    """


class WhatsappGroupWebhookConversation(TypedDict):
    """
    WhatsApp conversation object included in group message status webhooks.
    """

    id: NotRequired[str]
    """
    Conversation ID.
    """
    expirationTimestamp: NotRequired[int]
    """
    Unix timestamp indicating when the conversation expires.
    """
    origin: NotRequired[WhatsappGroupWebhookConversationOrigin]


class WhatsappGroupWebhookPricing(TypedDict):
    """
    Pricing information included in group message status webhooks.
    """

    billable: NotRequired[bool]
    """
    Whether the message is billable.
    """
    pricingModel: NotRequired[str]
    """
    Pricing model.
    """
    type: NotRequired[str]
    """
    Pricing type.
    """
    category: NotRequired[str]
    """
    Pricing category.
    """


class WhatsappGroupWebhookMessageStatus(TypedDict):
    """
    Group message status detail.
    """

    id: str
    """
    WhatsApp message ID.
    """
    status: str
    """
    Message status.
    """
    timestamp: NotRequired[int]
    """
    Unix timestamp indicating when the message status was updated.
    """
    recipientId: NotRequired[str]
    """
    Recipient group ID.
    """
    recipientType: NotRequired[Literal["group"] | str]
    """
    Recipient type.
    """
    recipientParticipantId: NotRequired[str]
    """
    WhatsApp user ID of the recipient participant.
    """
    recipientUserId: NotRequired[str]
    """
    Business-scoped user ID of the recipient participant.
    """
    parentRecipientUserId: NotRequired[str]
    """
    Parent business-scoped user ID of the recipient participant.
    """
    conversation: NotRequired[WhatsappGroupWebhookConversation]
    pricing: NotRequired[WhatsappGroupWebhookPricing]
    errors: NotRequired[list[dict[str, Any]]]
    """
    Errors returned by WhatsApp.
    """


@final
class WhatsappGroupWebhook(TypedDict):
    """
    WhatsApp group webhook payload.
    """

    wabaId: str
    """
    WhatsApp Business Account ID.
    """
    displayPhoneNumber: str
    """
    The display phone number from WhatsApp webhook metadata.
    """
    phoneNumberId: str
    """
    WhatsApp phone number ID.
    """
    field: (
        Literal[
            "group_lifecycle_update",
            "group_participants_update",
            "group_settings_update",
            "group_status_update",
            "messages",
        ]
        | str
    )
    type: (
        Literal[
            "group_create",
            "group_delete",
            "group_participants_add",
            "group_participants_remove",
            "group_join_request_created",
            "group_join_request_revoked",
            "group_settings_update",
            "group_suspend",
            "group_suspend_cleared",
            "message_status",
        ]
        | str
    )
    requestId: NotRequired[str]
    """
    The request ID returned by an asynchronous group API operation.
    """
    status: NotRequired[
        Literal[
            "created",
            "failed",
            "deleted",
            "added",
            "removed",
            "left",
            "requested",
            "revoked",
            "updated",
            "suspended",
            "suspend_cleared",
            "sent",
            "delivered",
            "read",
        ]
        | str
    ]
    groupId: NotRequired[str]
    """
    WhatsApp group ID.
    """
    inviteLink: NotRequired[str]
    """
    The group invite link.
    """
    reason: NotRequired[str]
    """
    The reason for a participant, join request, or removal event.
    """
    initiatedBy: NotRequired[Literal["business", "participant"] | str]
    """
    Indicates who initiated a participant removal event.
    """
    joinRequestId: NotRequired[str]
    """
    The join request ID.
    """
    waId: NotRequired[str]
    """
    WhatsApp user ID for a single participant event.
    """
    recipientUserId: NotRequired[str]
    """
    Business-scoped user ID for a single participant event.
    """
    parentRecipientUserId: NotRequired[str]
    """
    Parent business-scoped user ID for a single participant event.
    """
    customerProfile: NotRequired[WhatsappGroupCustomerProfile]
    subject: NotRequired[str]
    """
    The group subject.
    """
    description: NotRequired[str]
    """
    The group description.
    """
    joinApprovalMode: NotRequired[Literal["approval_required", "auto_approve"] | str]
    addedParticipants: NotRequired[list[WhatsappGroupWebhookParticipant]]
    """
    Participants added to the group.
    """
    removedParticipants: NotRequired[list[WhatsappGroupWebhookParticipant]]
    """
    Participants removed from the group.
    """
    failedParticipants: NotRequired[list[WhatsappGroupWebhookParticipant]]
    """
    Participants that failed to be added or removed.
    """
    settings: NotRequired[list[WhatsappGroupWebhookSetting]]
    """
    Group setting update details.
    """
    errors: NotRequired[list[dict[str, Any]]]
    """
    Errors returned by WhatsApp.
    """
    contacts: NotRequired[list[WhatsappGroupWebhookStatusContact]]
    """
    Contacts included in group message status webhooks.
    """
    statuses: NotRequired[list[WhatsappGroupWebhookMessageStatus]]
    """
    Group message status details.
    """
    webhookTime: str
    """
    The time at which WhatsApp triggered this webhook.
    """
    dedupeKey: NotRequired[str]
    """
    Idempotency key for deduplicating group webhook events.
    """


class WhatsappMetaBusinessAgent(TypedDict):
    """
    Control of a conversation that was taken from an agent set up by API.
    """

    agentId: str
    """
    YCloud's ID of the agent.
    """
    metaAgentId: str
    """
    Meta's ID of the agent.
    """
    phoneNumberId: str
    """
    ID of the business phone number.
    """
    wabaId: str
    """
    WhatsApp Business Account ID.
    """
    consumerPhoneNumber: NotRequired[str]
    """
    The customer's phone number in E.164 format.
    """
    controlState: str
    """
    At present always APP_CONTROL_TAKEN.
    """
    actor: NotRequired[str]
    """
    ID of the app that had control before.
    """
    reason: NotRequired[str]
    """
    Why control was taken.
    """
    timestamp: int
    """
    When, in Unix milliseconds.
    """


class WhatsappSmbAppContact(TypedDict):
    """
    A contact in the address book of a WhatsApp Business app.
    """

    fullName: NotRequired[str]
    """
    The full name; missing when it was removed.
    """
    firstName: NotRequired[str]
    """
    The first name; missing when it was removed.
    """
    phoneNumber: NotRequired[str]
    """
    The phone number in E.164 format.
    """
    userId: NotRequired[str]
    """
    The business-scoped user ID.
    """
    parentUserId: NotRequired[str]
    """
    The parent business-scoped user ID.
    """
    username: NotRequired[str]
    """
    The WhatsApp username.
    """


class WhatsappSmbAppStateSyncItem(TypedDict):
    """
    A change of a contact.
    """

    action: Literal["add", "remove"] | str
    """
    `add` for one that is new or was edited, or `remove`. A receiver met `edit`, too.
    """
    contact: WhatsappSmbAppContact
    timestamp: NotRequired[str | int]
    """
    When it was changed, in Unix seconds.
    """


class WhatsappSmbAppStateSync(TypedDict):
    """
    Contacts of a WhatsApp Business app that were added, changed or removed.
    """

    wabaId: str
    """
    WhatsApp Business Account ID.
    """
    phoneNumber: str
    """
    The business phone number in E.164 format.
    """
    stateSync: list[WhatsappSmbAppStateSyncItem]
    """
    The changes.
    """


class WhatsappPhoneNumber(TypedDict):
    """
    See [WhatsApp Business Phone Number](https://developers.facebook.com/docs/whatsapp/cloud-api/phone-numbers)
    """

    id: str
    """
    Phone number ID.
    """
    phoneNumber: str
    """
    Phone number in [E.164](https://en.wikipedia.org/wiki/E.164) format.
    """
    displayPhoneNumber: str
    """
    Display phone number.
    """
    wabaId: str
    """
    WhatsApp Business Account ID.
    """
    businessUsername: NotRequired[str]
    """
    Active Business Username for this phone number. The value is a plain username without `@`.
    """
    businessUsernameStatus: NotRequired[
        Literal["not_set", "active", "reserved", "pending_review"] | str
    ]
    requestedBusinessUsername: NotRequired[str]
    """
    Last requested Business Username that is still under review. This value can coexist with an active `businessUsername` while the new request is pending.
    """
    businessUsernameUpdatedAt: NotRequired[str]
    """
    The time when the Business Username state was last updated.
    """
    qualityRating: NotRequired[Literal["GREEN", "YELLOW", "RED", "UNKNOWN"] | str]
    messagingLimit: NotRequired[str]
    """
    Messaging limits determine the maximum number of business-initiated conversations each phone number can start in a rolling 24-hour period. See also [Messaging Limits](https://developers.facebook.com/docs/whatsapp/messaging-limits).
    - `TIER_NOT_SET`: Unknown limit.
    - `TIER_50`: 50 business-initiated conversations in a rolling 24-hour period.
    - `TIER_250`: 250 business-initiated conversations in a rolling 24-hour period.
    - `TIER_1K`: 1K business-initiated conversations with unique customers in a rolling 24-hour period.
    - `TIER_10K`: 10K business-initiated conversations with unique customers in a rolling 24-hour period.
    - `TIER_100K`: 100K business-initiated conversations with unique customers in a rolling 24-hour period.
    - `TIER_UNLIMITED`: An unlimited number of business-initiated conversations in a rolling 24-hour period.
    """
    whatsappBusinessManagerMessagingLimit: NotRequired[str]
    """
    The owning business portfolio's messaging limit. Starting October 7, 2025, messaging limits will instead be calculated and set on a business portfolio basis, and will be shared by all business phone numbers within each portfolio. See also [phone_number_quality_update webhook reference](https://developers.facebook.com/docs/whatsapp/cloud-api/webhooks/reference/phone_number_quality_update).
    - `TIER_NOT_SET`: The business phone number has not been used to send a message yet.
    - `TIER_50`: Messaging limit of 50 business-initiated conversations in a rolling 24-hour period.
    - `TIER_250`: Messaging limit of 250 business-initiated conversations in a rolling 24-hour period.
    - `TIER_2K`: Messaging limit of 2,000 business-initiated conversations in a rolling 24-hour period.
    - `TIER_10K`: Messaging limit of 10,000 business-initiated conversations in a rolling 24-hour period.
    - `TIER_100K`: Messaging limit of 100,000 business-initiated conversations in a rolling 24-hour period.
    - `TIER_UNLIMITED`: The business phone number has higher throughput with unlimited business-initiated conversations.
    """
    verifiedName: NotRequired[str]
    """
    Verified name.
    """
    newName: NotRequired[str]
    """
    The modified name
    """
    codeVerificationStatus: NotRequired[
        Literal["VERIFIED", "NOT_VERIFIED", "EXPIRED"] | str
    ]
    isOfficialBusinessAccount: NotRequired[bool]
    """
    Whether this phone number is an official business account or not.
    An official business account has a green checkmark badge in its profile and chat thread headers. See [Official Business Account](https://developers.facebook.com/docs/whatsapp/overview/business-accounts#official-business-account) for more information.
    """
    status: NotRequired[
        Literal[
            "PENDING",
            "UNVERIFIED",
            "MANUAL_REVIEW",
            "DISCONNECTED",
            "CONNECTED",
            "FLAGGED",
            "WARNED",
            "RATE_LIMITED",
            "BANNED",
            "RESTRICTED",
            "BLOCKED",
            "MIGRATED",
            "UNKNOWN",
        ]
        | str
    ]
    nameStatus: NotRequired[
        Literal[
            "APPROVED",
            "AVAILABLE_WITHOUT_REVIEW",
            "DECLINED",
            "EXPIRED",
            "PENDING_REVIEW",
            "NONE",
        ]
        | str
    ]
    newNameStatus: NotRequired[
        Literal[
            "APPROVED",
            "AVAILABLE_WITHOUT_REVIEW",
            "DECLINED",
            "EXPIRED",
            "PENDING_REVIEW",
            "NONE",
        ]
        | str
    ]
    decision: NotRequired[Literal["APPROVED", "REJECTED", "DEFERRED"] | str]
    requestedVerifiedName: NotRequired[str]
    """
    Last requested verified name.
    """
    rejectionReason: NotRequired[str]
    """
    Rejection reason.
    """
    qualityUpdateEvent: NotRequired[
        Literal["ONBOARDING", "UPGRADE", "DOWNGRADE", "FLAGGED", "UNFLAGGED"] | str
    ]
    updateEvent: NotRequired[Literal["ACCOUNT_RECONNECTED", "ACCOUNT_OFFBOARDED"] | str]
    """
    Account update event that triggered this phone number status change.
    """
    businessUsernameContext: NotRequired[str]
    """
    Why the Business Username changed.
    """


class WhatsappTemplateComponentButtonOtpSupportedApp(TypedDict):
    """
    The supported_apps array allows you define pairs of app package names and signing key hashes for up to 5 apps. This can be useful if you have different app builds and want each of them to be able to initiate the handshake:
    """

    package_name: NotRequired[str]
    """
    Your Android app's package name.
    """
    signature_hash: NotRequired[str]
    """
    Your app signing key hash. See [App Signing Key Hash](https://developers.facebook.com/docs/whatsapp/business-management-api/authentication-templates/zero-tap-authentication-templates#app-signing-key-hash).
    """


class WhatsappTemplateComponentButtonAppDeepLink(TypedDict):
    meta_app_id: NotRequired[str]
    """
    Required if using a URL button mapped to a deep link. APP ID.
    """
    android_deep_link: NotRequired[str]
    """
    Required if using a URL button component mapped to a deep link.The WhatsApp client will attempt to load this URI if the WhatsApp user taps the button on an Android device.
    """
    android_fallback_playstore_url: NotRequired[str]
    """
    Optional. URL of a website that the WhatsApp client will attempt to load in the device’s default web browser when the button is tapped but unable to load the Android deep link URI.
    """


class WhatsappTemplateComponentButton(TypedDict):
    type: (
        Literal[
            "PHONE_NUMBER",
            "URL",
            "QUICK_REPLY",
            "COPY_CODE",
            "OTP",
            "CATALOG",
            "MPM",
            "FLOW",
            "ORDER_DETAILS",
            "VOICE_CALL",
        ]
        | str
    )
    text: NotRequired[str]
    """
    **Required for button type `PHONE_NUMBER` or `URL`.** Button text.
    For `CODE_CODE` buttons, the text is a pre-set value and cannot be customized.
    For `OTP` buttons, if omitted, the text will default to a pre-set value localized to the template's language. For example, `Copy Code` for English (US). If your template is using a one-tap autofill button and you supply this value, the authentication template message will display a copy code button with this text if we are unable to validate your [handshake](https://developers.facebook.com/docs/whatsapp/business-management-api/authentication-templates/autofill-button-authentication-templates#handshake). Maximum 25 characters.
    """
    url: NotRequired[str]
    """
    **Required for button type `URL`.** URL of website.
    There can be at most 1 variable at the end of the URL. Example: `https://www.luckyshrub.com/shop?promo={{1}}`.
    2000 characters maximum.
    """
    phone_number: NotRequired[str]
    """
    **Required for button type `PHONE_NUMBER`.**
    Alphanumeric string. Business phone number to be (display phone number) called when the user taps the button.
    20 characters maximum.
    """
    otp_type: NotRequired[Literal["COPY_CODE", "ONE_TAP", "ZERO_TAP"] | str]
    autofill_text: NotRequired[str]
    """
    **One-tap and zero-tap buttons only.**
    One-tap button text.
    Maximum 25 characters.
    """
    package_name: NotRequired[str]
    """
    **Deprecated since 2025-07-23. Use `supported_apps` instead.**
    **One-tap and zero-tap buttons only.**
    Your Android app's package name.
    """
    signature_hash: NotRequired[str]
    """
    **Deprecated since 2025-07-23. Use `supported_apps` instead.**
    **One-tap and zero-tap buttons only.**
    Your app signing key hash. See [App Signing Key Hash](https://developers.facebook.com/docs/whatsapp/business-management-api/authentication-templates/zero-tap-authentication-templates#app-signing-key-hash).
    """
    supported_apps: NotRequired[list[WhatsappTemplateComponentButtonOtpSupportedApp]]
    """
    **One-tap and zero-tap buttons only.**
    List of supported apps.
    """
    zero_tap_terms_accepted: NotRequired[bool]
    """
    **Zero-tap buttons only.**
    Set to `true` to indicate that you understand that your use of zero-tap authentication is subject to the WhatsApp Business Terms of Service, and that it's your responsibility to ensure your customers expect that the code will be automatically filled in on their behalf when they choose to receive the zero-tap code through WhatsApp.
    If set to `false`, the template will not be created as you need to accept zero-tap terms before creating zero-tap enabled message templates.
    """
    example: NotRequired[list[str]]
    """
    Sample full URL for a `URL` button with a variable.
    """
    flow_id: NotRequired[str]
    """
    **Conditionally required for button type `FLOW`.**
    The unique ID of the Flow. Cannot be used if `flow_name` or `flow_json` parameters are provided. Only one of these parameters is allowed.
    """
    flow_name: NotRequired[str]
    """
    **Conditionally required for button type `FLOW`.**
    The name of the Flow. Cannot be used if `flow_id` or `flow_json` parameters are provided. Only one of these parameters is allowed. The Flow ID is stored in the message template, not the name, so changing the Flow name will not affect existing message templates.
    """
    flow_json: NotRequired[str]
    """
    **Conditionally required for button type `FLOW`.**
    The Flow JSON encoded as string with escaping. The Flow JSON specifies the content of the Flow. Cannot be used if `flow_id` or `flow_name` parameters are provided. Only one of these parameters is allowed.
    """
    flow_action: NotRequired[str]
    """
    **Use for button type `FLOW`.**
    Either `navigate` or `data_exchange`. Defaults to `navigate`.
    """
    navigate_screen: NotRequired[str]
    """
    **Required if `flow_action` is `navigate`.**
    The unique ID of the Screen in the Flow.
    """
    app_deep_link: NotRequired[WhatsappTemplateComponentButtonAppDeepLink]


class WhatsappTemplateComponentLimitedTimeOffer(TypedDict):
    """
    Use for `LIMITED_TIME_OFFER` components.
    """

    text: NotRequired[str]
    """
    **Required.**
    Offer details text.
    Maximum 16 characters.
    """
    has_expiration: NotRequired[bool]
    """
    **Optional.**
    Set to `true` to have the [offer expiration details](https://developers.facebook.com/docs/whatsapp/business-management-api/message-templates/limited-time-offer-templates#offer-expiration-details) appear in the delivered message.
    If set to `true`, the copy code button component must be included in the `buttons` array, and must appear first in the array.
    If set to `false`, offer expiration details will not appear in the delivered message and the copy code button component is optional. If including the copy code button, it must appear first in the `buttons` array.
    """


class WhatsappTemplateComponentExample(TypedDict):
    """
    **Required** when:
    - `type` is `HEADER`, and `format` is one of `IMAGE`, `GIF`, `VIDEO`, or `DOCUMENT`. Provide a sample media URL in `header_url`.
    - `type` is `HEADER`, `format` is `TEXT`, and a variable is used in `text`. Provide a sample value for that variable in `header_text`. There can be at most 1 variable in `HEADER` text.
    - `type` is `BODY`, and variables are used in `text`. Provide sample values for those variables in `body_text`.
    """

    body_text: NotRequired[list[list[str]]]
    """
    Sample values for variables in `text` of a `BODY` component.
    """
    header_text: NotRequired[list[str]]
    """
    Sample value for the variable in `text` of a `HEADER` component.
    """
    header_url: NotRequired[list[str]]
    """
    Sample media URL for a `HEADER` component whose format is one of `IMAGE`, `GIF`, `VIDEO`, or `DOCUMENT`.
    Supported types:
    - For `IMAGE`, the URL must end with one of `.jpg`, `.jpeg`, or `.png`, size limit is 5MB.
    - For `GIF`, the URL must end with `.mp4`, size limit is 3.5MB.
    - For `VIDEO`, the URL must end with `.mp4`, size limit is 16MB.
    - For `DOCUMENT`, the URL must end with `.pdf`, size limit is 100MB.
    """


class WhatsappTemplateComponentCardComponent(TypedDict):
    type: NotRequired[Literal["BODY", "HEADER", "BUTTONS"] | str]
    """
    **Required.**
    Card component type.
    - `BODY`: Body components are text-only components. Cards must have body text.
    - `HEADER`: Cards must have a media header (image or video).
    - `BUTTONS`: Buttons are interactive components that perform specific actions when tapped. Cards must have at least one button, up to 2 buttons.
    """
    format: NotRequired[Literal["IMAGE", "VIDEO"] | str]
    """
    **Required for type `HEADER`.**
    Cards must have a media header (image or video).
    """
    text: NotRequired[str]
    """
    **Required for type `BODY`.**
    Card body text supports variables. Maximum 160 characters.
    """
    buttons: NotRequired[list[WhatsappTemplateComponentButton]]
    """
    **Required for type `BUTTONS`.**
    Cards must have at least one button. Supports 2 buttons. Buttons can be the same or a mix of quick reply buttons, phone number buttons, or URL buttons.
    """
    example: NotRequired[WhatsappTemplateComponentExample]


class WhatsappTemplateComponentCard(TypedDict):
    """
    Carousel templates support up to 10 carousel cards. Cards must have a media header (image or video) and can optionally include body text and up to 2 quick reply buttons, phone number buttons, or URL buttons (button types can be mixed).
    """

    components: NotRequired[list[WhatsappTemplateComponentCardComponent]]
    """
    **Required.**
    Card components.
    """


class WhatsappTemplateComponent(TypedDict):
    type: NotRequired[
        Literal[
            "BODY",
            "HEADER",
            "FOOTER",
            "BUTTONS",
            "LIMITED_TIME_OFFER",
            "CAROUSEL",
            "CALL_PERMISSION_REQUEST",
        ]
        | str
    ]
    """
    **Required.** Template component type.
    - `BODY`: Body components are text-only components and are required by all templates. Templates are limited to one body component.
    - `HEADER`: Headers are optional components that appear at the top of template messages. Headers support text, media (images, gif, videos, documents). Templates are limited to one header component.
    - `FOOTER`: Footers are optional text-only components that appear immediately after the body component. Templates are limited to one footer component.
    - `BUTTONS`: Buttons are optional interactive components that perform specific actions when tapped.
    - `LIMITED_TIME_OFFER`: Use for limited-time offer templates. The delivered message can display an offer expiration details section with a heading, an optional expiration timer, and the offer code itself.
    - `CAROUSEL`: Carousel templates allow you to send a single text message (1), accompanied by a set of up to 10 carousel cards (2) in a horizontally scrollable view.
    - `CALL_PERMISSION_REQUEST`: Sending a template message allows you to initiate a user conversation with a call permission request.
    """
    format: NotRequired[
        Literal["TEXT", "IMAGE", "GIF", "VIDEO", "DOCUMENT", "LOCATION"] | str
    ]
    """
    **Required for type `HEADER`.**
    """
    text: NotRequired[str]
    """
    For body text (type = `BODY`), maximum 1024 characters.
    For header text (type = `HEADER`, format = `TEXT`), maximum 60 characters.
    For footer text (type = `FOOTER`), maximum 60 characters.
    For card body text (`CAROUSEL` card component type = `BODY`), maximum 160 characters.
    """
    buttons: NotRequired[list[WhatsappTemplateComponentButton]]
    """
    **Required for type `BUTTONS`.**
    Buttons are optional interactive components that perform specific actions when tapped. Templates can have a mixture of up to 10 button components total, although there are limits to individual buttons of the same type as well as combination limits.
    If a template has more than three buttons, two buttons will appear in the delivered message and the remaining buttons will be replaced with a **See all options** button. Tapping the **See all options** button reveals the remaining buttons.
    """
    add_security_recommendation: NotRequired[bool]
    """
    **Optional. Only applicable in the `BODY` component of an AUTHENTICATION template.**
    Set to `true` if you want the template to include the string, *For your security, do not share this code.* Set to `false` to exclude the string.
    """
    code_expiration_minutes: NotRequired[int]
    """
    **Optional. Only applicable in the `FOOTER` component of an AUTHENTICATION template.**
    Indicates number of minutes the password or code is valid.
    If omitted, the code expiration warning will not be displayed in the delivered message.
    Minimum 1, maximum 90.
    """
    limited_time_offer: NotRequired[WhatsappTemplateComponentLimitedTimeOffer]
    example: NotRequired[WhatsappTemplateComponentExample]
    cards: NotRequired[list[WhatsappTemplateComponentCard]]
    """
    **Required for type `CAROUSEL`.**
    Carousel templates support up to 10 carousel cards.
    """


class WhatsappTemplate(TypedDict):
    """
    See [WhatsApp Templates](https://developers.facebook.com/docs/whatsapp/business-management-api/message-templates).
    """

    officialTemplateId: str
    """
    Official template ID assigned by WhatsApp. This ID is used to identify the template in WhatsApp's system.
    """
    wabaId: str
    """
    WhatsApp Business Account ID.
    """
    name: str
    """
    Name of the template.
    """
    language: str
    """
    Language code of the template. See [Supported Languages](https://developers.facebook.com/documentation/business-messaging/whatsapp/templates/supported-languages) for all codes.
    """
    category: Literal["AUTHENTICATION", "MARKETING", "UTILITY"] | str
    subCategory: NotRequired[Literal["ORDER_STATUS"] | str]
    previousCategory: NotRequired[str]
    """
    This field indicates the template's previous category (or `null`, for newly created templates after April 1, 2023). Compare this value to the template's `category` field value, which indicates the template's current category.
    """
    messageSendTtlSeconds: NotRequired[int]
    """
    If we are unable to deliver a message for an amount of time that exceeds its time-to-live, we will stop retrying and drop the message.
    By default, messages that use an authentication template have a default TTL of **10 minutes**, and messages that use a utility or marketing template have a default TTL of **30 days**.
    Set its value between `30` and `900` seconds (i.e., 30 seconds to 15 minutes) for authentication templates, or `30` and `43200` seconds (i.e., 30 seconds to 12 hours) for utility templates, or `43200` and `2592000` seconds (i.e., 12 hours to 30 days) for marketing templates. Alternatively, you can set this value to `-1`, which will set a custom TTL of 30 days for either type of template.
    We encourage you to set a time-to-live for all of your authentication templates, preferably equal to or less than your code expiration time, to ensure your customers only get a message when a code is still usable.
    Authentication templates created before October 23, 2024, have a default TTL of 30 days.
    """
    components: NotRequired[list[WhatsappTemplateComponent]]
    """
    Template components. A template consists of `HEADER`, `BODY`, `FOOTER`, and `BUTTONS` components. `BODY` component is required, the other types are optional.
    """
    status: NotRequired[
        Literal[
            "PENDING",
            "REJECTED",
            "APPROVED",
            "PAUSED",
            "DISABLED",
            "ARCHIVED",
            "IN_APPEAL",
            "DELETED",
        ]
        | str
    ]
    qualityRating: NotRequired[Literal["GREEN", "YELLOW", "RED", "UNKNOWN"] | str]
    reason: NotRequired[str]
    """
    The reason why the template is rejected.
    """
    createTime: NotRequired[str]
    """
    The time at which this object is created, formatted in [RFC 3339](https://datatracker.ietf.org/doc/html/rfc3339). e.g., `2022-06-01T12:00:00.000Z`.
    """
    updateTime: NotRequired[str]
    """
    The time at which this object is updated, formatted in [RFC 3339](https://datatracker.ietf.org/doc/html/rfc3339). e.g., `2022-06-01T12:00:00.000Z`.
    """
    statusUpdateEvent: NotRequired[
        Literal[
            "PENDING",
            "APPROVED",
            "REJECTED",
            "IN_APPEAL",
            "PAUSED",
            "FLAGGED",
            "DISABLED",
            "ARCHIVED",
            "UNARCHIVED",
            "REINSTATED",
            "PENDING_DELETION",
        ]
        | str
    ]
    disableDate: NotRequired[str]
    """
    The date at which the template will be disabled. When a WhatsApp template `FLAGGED` event is received, this field is set.
    """
    whatsappApiError: NotRequired[WhatsappApiError]


class CallingConnect(_MayHaveFrom):
    """
    A WhatsApp call that is being set up.

    ``from``: The caller's phone number in E.164 format.
    """

    id: str
    """
    YCloud's ID of the call.
    """
    wacid: str
    """
    WhatsApp's ID of the call.
    """
    phoneId: str
    """
    ID of the business phone number.
    """
    fromUserId: NotRequired[str]
    """
    The caller's business-scoped user ID.
    """
    fromParentUserId: NotRequired[str]
    """
    The caller's parent business-scoped user ID.
    """
    to: NotRequired[str]
    """
    The called phone number in E.164 format.
    """
    direction: Literal["USER_INITIATED", "BUSINESS_INITIATED"] | str
    sdpType: Literal["offer", "answer"] | str
    sdp: str
    """
    Session description as in RFC 4566.
    """
    dialTime: NotRequired[int]
    """
    When it was dialled, in Unix milliseconds.
    """


class CallingTerminate(_MayHaveFrom):
    """
    A WhatsApp call that has ended.

    ``from``: The caller's phone number in E.164 format.
    """

    id: str
    """
    YCloud's ID of the call.
    """
    wacid: str
    """
    WhatsApp's ID of the call.
    """
    phoneId: str
    """
    ID of the business phone number.
    """
    fromUserId: NotRequired[str]
    """
    The caller's business-scoped user ID.
    """
    fromParentUserId: NotRequired[str]
    """
    The caller's parent business-scoped user ID.
    """
    to: NotRequired[str]
    """
    The called phone number in E.164 format.
    """
    direction: Literal["USER_INITIATED", "BUSINESS_INITIATED"] | str
    startTime: NotRequired[int]
    """
    When it began, in Unix milliseconds.
    """
    endTime: NotRequired[int]
    """
    When it ended, in Unix milliseconds.
    """
    duration: NotRequired[int]
    """
    How long it took in seconds.
    """
    status: str
    """
    How it ended, such as COMPLETED.
    """


class CallingStatusUpdated(TypedDict):
    """
    The state of a WhatsApp call that the business made.
    """

    wabaId: str
    """
    WhatsApp Business Account ID.
    """
    wacid: str
    """
    WhatsApp's ID of the call.
    """
    phoneId: NotRequired[str]
    """
    ID of the business phone number.
    """
    status: Literal["RINGING", "ACCEPTED", "REJECTED"] | str
    recipientPhone: NotRequired[str]
    """
    The called phone number in E.164 format.
    """
    recipientUserId: NotRequired[str]
    """
    The called user's business-scoped user ID.
    """
    parentRecipientUserId: NotRequired[str]
    """
    The called user's parent business-scoped user ID.
    """
    customerProfile: NotRequired[WhatsappProfile]


class CallingMediaError(TypedDict):
    """
    Why a recording or transcription could not be made.
    """

    code: NotRequired[str]
    """
    Such as CALLING_RECORDING_PROCESSING_FAILED.
    """
    retryable: NotRequired[bool]
    """
    Whether asking again may help.
    """


class CallingRecording(TypedDict):
    """
    The recording of a WhatsApp call.
    """

    wacid: str
    """
    WhatsApp's ID of the call.
    """
    phoneId: str
    """
    ID of the business phone number.
    """
    mediaAssetId: str
    """
    What the call media download API takes.
    """
    status: Literal["AVAILABLE", "FAILED"] | str
    error: NotRequired[CallingMediaError]


class CallingTranscription(TypedDict):
    """
    The transcription of a WhatsApp call.
    """

    wacid: str
    """
    WhatsApp's ID of the call.
    """
    phoneId: str
    """
    ID of the business phone number.
    """
    mediaAssetId: str
    """
    What the call media download API takes.
    """
    status: Literal["AVAILABLE", "FAILED"] | str
    error: NotRequired[CallingMediaError]


class FlowChanges(TypedDict):
    """
    A change in the status of a WhatsApp flow.
    """

    flowId: str
    """
    The flow's ID.
    """
    wabaId: str
    """
    WhatsApp Business Account ID.
    """
    message: str
    """
    The change in words.
    """
    oldStatus: str
    """
    Such as DRAFT.
    """
    newStatus: str
    """
    Such as PUBLISHED.
    """


class WhatsappPaymentTransactionError(TypedDict):
    """
    The payment error details might not be available for all payments attempts.
    """

    code: str
    """
    Describes the payment failure reason that generated by payment gateway and Meta transmits this to partners.
    """
    reason: str
    """
    Describes the payment failure reason in plain text that is generated by payment gateway and Meta transmits this to partners.
    """


class WhatsappPaymentTransaction(TypedDict):
    """
    Represents a transaction attempt for a payment.
    """

    id: str
    """
    Transaction ID.
    """
    type: Literal["billdesk", "razorpay", "payu", "zaakpay"] | str
    """
    The payment type for this transactions. One of `billdesk`, `razorpay`, `payu`, or `zaakpay`.
    """
    status: Literal["pending", "success", "failed"] | str
    """
    The status of the transaction. One of `pending`, `success` or `failed`.
    """
    createdTimestamp: int
    """
    Time when transaction was created in epoch milliseconds.
    """
    updatedTimestamp: int
    """
    Time when transaction was last updated in epoch milliseconds.
    """
    amount: WhatsappMessageOrderAmount
    currency: str
    """
    The currency for this payment.
    Currently the only supported value is `INR`.
    """
    methodType: NotRequired[str]
    """
    Describes the type of payment method used by consumer to pay for the order. Can be one of `upi`, `card`, `wallet`, or `netbanking`.
    The payment method information might not be available for failed payments.
    """
    error: NotRequired[WhatsappPaymentTransactionError]


class WhatsappPayment(TypedDict):
    """
    Represents a payment object.
    Businesses receive updates via webhooks when the status of the user-initiated transaction changes.
    """

    wabaId: str
    """
    WhatsApp Business Account ID.
    """
    referenceId: str
    """
    Unique identifier for the payment provided by the business.
    It is case sensitive and cannot be an empty string and can only contain English letters, numbers, underscores, dashes, or dots, and should not exceed 35 characters.
    """
    status: Literal["captured", "pending"] | str
    transactions: list[WhatsappPaymentTransaction]
    """
    Contains the latest transaction attempt for this payment.
    """


class WhatsappUserPreference(TypedDict):
    wabaId: str
    """
    WhatsApp Business Account ID.
    """
    businessPhoneNumber: str
    """
    Phone number in [E.164](https://en.wikipedia.org/wiki/E.164) format.
    """
    businessPhoneId: str
    """
    Phone number ID.
    """
    contactName: NotRequired[str]
    """
    WhatsApp user name.
    """
    contactPhoneNumber: NotRequired[str]
    """
    WhatsApp user phone number. Phone number in [E.164](https://en.wikipedia.org/wiki/E.164) format.
    """
    detail: str
    """
    Description of marketing message preference.
    """
    category: str
    value: str
    """
    Marketing message preference.
    """
    timestamp: str
    """
    Unix timestamp indicating when the webhook was triggered.
    """
    userId: NotRequired[str]
    """
    The customer's business-scoped user ID.
    """
    parentUserId: NotRequired[str]
    """
    The customer's parent business-scoped user ID.
    """


class MessengerText(TypedDict):
    """
    The text of a Messenger message.
    """

    body: str
    """
    The text, with the white space around it.
    """


class MessengerInboundMessage(_HasFrom):
    """
    A text message that a customer sent or edited in Messenger.

    ``from``: The customer's Page-scoped ID (PSID), not a phone number.
    """

    id: str
    """
    YCloud's ID of the message; the same after an edit.
    """
    metaMessageId: str
    """
    Meta's ID of the message.
    """
    to: str
    """
    The Facebook Page ID, not a phone number.
    """
    type: str
    """
    Kind of message, such as text.
    """
    text: MessengerText
    sendTime: str
    """
    When it was sent.
    """
    createTime: str
    """
    When YCloud recorded it.
    """
    editCount: NotRequired[int]
    """
    How often it was edited.
    """
    editTime: NotRequired[str]
    """
    When it was last edited.
    """


class MessengerMessage(_HasFrom):
    """
    A message that the business sent in Messenger.

    ``from``: The Facebook Page ID.
    """

    id: str
    """
    YCloud's ID of the message.
    """
    metaMessageId: str
    """
    Meta's ID of the message.
    """
    to: str
    """
    The customer's Page-scoped ID (PSID).
    """
    type: str
    """
    Kind of message, such as text.
    """
    text: NotRequired[MessengerText]
    status: str
    """
    Such as sent, delivered, read or failed.
    """
    createTime: str
    """
    When it was created.
    """
    updateTime: str
    """
    When its status changed.
    """
    readTime: NotRequired[str]
    """
    When it was read.
    """


class MessengerMessageReaction(TypedDict):
    """
    A customer's reaction to a Messenger message, or its withdrawal.
    """

    pageId: str
    """
    The Facebook Page ID.
    """
    psid: str
    """
    The customer's Page-scoped ID.
    """
    metaMessageId: str
    """
    Meta's ID of the message.
    """
    action: str
    """
    Whether it was made or withdrawn.
    """
    reaction: NotRequired[str]
    """
    Such as love; left out of a withdrawal.
    """
    emoji: NotRequired[str]
    """
    Left out of a withdrawal.
    """


class ContactCreated(TypedDict):
    """
    Represents a contact created event.
    Contains the full contact information that was created.
    """

    id: str
    """
    Unique ID for the object.
    """
    nickName: NotRequired[str]
    """
    Contact's nickname.
    """
    realName: NotRequired[str]
    """
    Contact's real name.
    """
    phoneNumber: NotRequired[str]
    """
    Unique Phone number in [E.164](https://en.wikipedia.org/wiki/E.164) format.
    """
    countryCode: NotRequired[str]
    """
    Two-letter country abbreviation. See [ISO 3166-1 alpha-2 country code](https://en.wikipedia.org/wiki/ISO_3166-1_alpha-2).
    """
    countryName: NotRequired[str]
    """
    Full country name.
    """
    email: NotRequired[str]
    """
    The contact's email address.
    If present, the email address must be unique.
    """
    sourceType: str
    """
    The source type where the contact was created.
    """
    sourceId: NotRequired[str]
    """
    The source ID where the contact was created.
    """
    sourceUrl: NotRequired[str]
    """
    The source URL where the contact was created.
    """
    lastSeen: NotRequired[str]
    """
    The time at which the contact last sent a message to your business, formatted in [RFC 3339](https://datatracker.ietf.org/doc/html/rfc3339). e.g., `2022-06-01T12:00:00.000Z`.
    """
    lastConnectedNumber: NotRequired[str]
    """
    The business phone number that the contact last connected to.
    """
    ownerEmail: NotRequired[str]
    """
    The email address of the contact's owner.
    """
    tags: list[str]
    """
    Contact's tags.
    """
    createTime: str
    """
    The time at which the contact was created, formatted in [RFC 3339](https://datatracker.ietf.org/doc/html/rfc3339). e.g., `2022-06-01T12:00:00.000Z`.
    """
    updateTime: str
    """
    The time at which the contact was last updated, formatted in [RFC 3339](https://datatracker.ietf.org/doc/html/rfc3339). e.g., `2022-06-01T12:00:00.000Z`.
    """
    blocked: bool
    """
    Whether the contact is blocked.
    """
    customAttributes: NotRequired[dict[str, Any]]
    """
    The contact's own attributes by name.
    """
    remarkName: NotRequired[str]
    """
    The name that the business gave the contact.
    """


class AttributeChangeAction(TypedDict):
    """
    Represents a single change action performed on an attribute.
    For tag attributes, includes additional id and value fields.
    """

    action: Literal["ADDED", "REMOVED", "CHANGED"] | str
    """
    The type of change action performed.
    """
    id: NotRequired[str]
    """
    The ID of the item when the attribute is 'tags'.
    This field is only present for tag-related changes.
    """
    value: NotRequired[str]
    """
    The value of the item when the attribute is 'tags'.
    This field is only present for tag-related changes.
    """


class ContactAttributeChange(TypedDict):
    """
    Represents a single attribute change, containing the old value, new value, and change actions.
    """

    oldValue: NotRequired[Any]
    """
    The previous value of the attribute before the change.
    Can be a string, number, array, or boolean depending on the attribute type.
    This field is not included when the value is null.
    """
    newValue: NotRequired[Any]
    """
    The new value of the attribute after the change.
    Can be a string, number, array, or boolean depending on the attribute type.
    This field is not included when the value is null.
    """
    extra: NotRequired[list[AttributeChangeAction]]
    """
    An array of change actions that describe what operations were performed on this attribute.
    """


class ContactAttributesChanged(TypedDict):
    """
    Represents a contact attributes changed event.
    Contains information about which contact attributes were modified and their old/new values.
    """

    id: str
    """
    The ID of the contact whose attributes were changed.
    """
    updateTime: str
    """
    The time at which the contact attributes were updated, formatted in [RFC 3339](https://datatracker.ietf.org/doc/html/rfc3339). e.g., `2022-06-01T12:00:00.000Z`.
    """
    changedAttributes: dict[str, ContactAttributeChange]
    """
    An object containing the changed attributes. Each key represents the name of the changed attribute,
    and the value contains the old value, new value, and change actions.
    """


class ContactDeleted(TypedDict):
    """
    Represents a contact deleted event.
    Contains the contact information that was deleted.
    """

    id: str
    """
    Contact ID
    """
    nickName: NotRequired[str]
    """
    Contact's nickname.
    """
    phoneNumber: NotRequired[str]
    """
    Unique Phone number in [E.164](https://en.wikipedia.org/wiki/E.164) format.
    """
    updateTime: str
    """
    The time at which the contact was last updated, formatted in [RFC 3339](https://datatracker.ietf.org/doc/html/rfc3339). e.g., `2022-06-01T12:00:00.000Z`.
    """


class ContactNote(TypedDict):
    """
    A note on a contact.
    """

    id: str
    """
    The note's ID.
    """
    contactId: str
    """
    The contact's ID.
    """
    username: str | None
    """
    The contact's WhatsApp username.
    """
    phoneNumber: str | None
    """
    The contact's phone number in E.164 format.
    """
    content: str
    """
    The text of the note.
    """
    createTime: str
    """
    When it was written.
    """
    updateTime: str
    """
    When it was last changed.
    """


class ContactUnsubscribeCreated(TypedDict):
    """
    Represents a customer initiates an unsubscribe event.
    """

    phoneNumber: str
    """
    Unique Customer Phone number in [E.164](https://en.wikipedia.org/wiki/E.164) format.
    """
    source: Literal["Whatsapp", "Inbox", "Chatbot", "API", "Manual"] | str
    """
    The source from which a customer initiates an unsubscribe.
    - `Whatsapp`: The customer initiated an unsubscribe on the whatsapp client.
    - `Inbox`:You added a customer to the unsubscribe list on the Inbox page of YCloud.
    - `Chatbot`: The message sent by the customer triggered the unsubscribe keyword configured by the Chatbot.
    - `API`: You add customers to the unsubscribe list through YCloud's OpenAPI.
    - `Manual`: You added a customer to the unsubscribe list on the Contact page of YCloud.
    """
    updateTime: str
    """
    The time when a customer initiates an unsubscribe, formatted in [RFC 3339](https://datatracker.ietf.org/doc/html/rfc3339). e.g., `2022-06-01T12:00:00.000Z`.
    """
    id: str
    """
    Unique ID for the object.
    """


class ContactUnsubscribeDeleted(TypedDict):
    """
    Represents a customer resumed their subscription event.
    """

    phoneNumber: str
    """
    Unique Customer Phone number in [E.164](https://en.wikipedia.org/wiki/E.164) format.
    """
    source: Literal["Whatsapp", "API", "Manual"] | str
    """
    The source from which a customer resumed their subscription
    - `Whatsapp`: The customer resumed their subscription on the whatsapp client
    - `API`: You remove the customer from the unsubscribe list through the OpenAPI of YCloud
    - `Manual`: You remove the customer from the unsubscribe list on the Contact page of YCloud.
    """
    updateTime: str
    """
    The time when customers cancel unsubscribe, formatted in [RFC 3339](https://datatracker.ietf.org/doc/html/rfc3339). e.g., `2022-06-01T12:00:00.000Z`.
    """
    id: str
    """
    Unique ID for the object.
    """


#: The data of any documented event.
Payload: TypeAlias = (
    EmailDelivery
    | Sms
    | SmsInbound
    | Voice
    | WhatsappBusinessAccount
    | WhatsappInboundMessage
    | WhatsappMessage
    | WhatsappGroupWebhook
    | WhatsappMetaBusinessAgent
    | WhatsappSmbAppStateSync
    | WhatsappPhoneNumber
    | WhatsappTemplate
    | CallingConnect
    | CallingTerminate
    | CallingStatusUpdated
    | CallingRecording
    | CallingTranscription
    | FlowChanges
    | WhatsappPayment
    | WhatsappUserPreference
    | MessengerInboundMessage
    | MessengerMessage
    | MessengerMessageReaction
    | ContactCreated
    | ContactAttributesChanged
    | ContactDeleted
    | ContactNote
    | ContactUnsubscribeCreated
    | ContactUnsubscribeDeleted
)

#: The payload types of each documented event type; of a union, its members.
PAYLOADS: dict[str, tuple[Any, ...]] = {
    "email.delivery.updated": (EmailDelivery,),
    "sms.message.updated": (Sms,),
    "sms.inbound.received": (SmsInbound,),
    "voice.message.updated": (Voice,),
    "whatsapp.business_account.deleted": (WhatsappBusinessAccount,),
    "whatsapp.business_account.reviewed": (WhatsappBusinessAccount,),
    "whatsapp.business_account.updated": (WhatsappBusinessAccount,),
    "whatsapp.inbound_message.received": (*get_args(WhatsappInboundMessage),),
    "whatsapp.message.updated": (
        WhatsappMessage,
        WhatsappGroupWebhook,
    ),
    "whatsapp.echo_message.created": (WhatsappMessage,),
    "whatsapp.echo_message.updated": (WhatsappMessage,),
    "whatsapp.meta_business_agent.handover.updated": (WhatsappMetaBusinessAgent,),
    "whatsapp.group.lifecycle_update": (WhatsappGroupWebhook,),
    "whatsapp.group.participants_update": (WhatsappGroupWebhook,),
    "whatsapp.group.settings_update": (WhatsappGroupWebhook,),
    "whatsapp.group.status_update": (WhatsappGroupWebhook,),
    "whatsapp.smb.history": (
        *get_args(WhatsappInboundMessage),
        WhatsappMessage,
    ),
    "whatsapp.smb.message.created": (WhatsappMessage,),
    "whatsapp.smb.message.echoes": (WhatsappMessage,),
    "whatsapp.smb.app.state.sync": (WhatsappSmbAppStateSync,),
    "whatsapp.phone_number.deleted": (WhatsappPhoneNumber,),
    "whatsapp.phone_number.name_updated": (WhatsappPhoneNumber,),
    "whatsapp.phone_number.quality_updated": (WhatsappPhoneNumber,),
    "whatsapp.phone_number.business_username_updated": (WhatsappPhoneNumber,),
    "whatsapp.template.category_updated": (WhatsappTemplate,),
    "whatsapp.template.quality_updated": (WhatsappTemplate,),
    "whatsapp.template.reviewed": (WhatsappTemplate,),
    "whatsapp.call.connect": (CallingConnect,),
    "whatsapp.call.terminate": (CallingTerminate,),
    "whatsapp.call.status.updated": (CallingStatusUpdated,),
    "whatsapp.call.recording.updated": (CallingRecording,),
    "whatsapp.call.transcription.updated": (CallingTranscription,),
    "whatsapp.flow.status_change": (FlowChanges,),
    "whatsapp.payment.updated": (WhatsappPayment,),
    "whatsapp.user.preferences": (WhatsappUserPreference,),
    "messenger.inbound_message.received": (MessengerInboundMessage,),
    "messenger.inbound_message.updated": (MessengerInboundMessage,),
    "messenger.message.updated": (MessengerMessage,),
    "messenger.message_reaction.updated": (MessengerMessageReaction,),
    "contact.created": (ContactCreated,),
    "contact.attributes_changed": (ContactAttributesChanged,),
    "contact.deleted": (ContactDeleted,),
    "contact.note.created": (ContactNote,),
    "contact.note.updated": (ContactNote,),
    "contact.note.deleted": (ContactNote,),
    "contact.unsubscribe.created": (ContactUnsubscribeCreated,),
    "contact.unsubscribe.deleted": (ContactUnsubscribeDeleted,),
}

if TYPE_CHECKING:
    from .protocol import Event

    #: The documented event types, and the patterns that reach them.
    Subscription: TypeAlias = Literal[
        "email.delivery.updated",
        "email.*",
        "email.delivery.*",
        "sms.message.updated",
        "sms.message.*",
        "sms.inbound.received",
        "sms.inbound.*",
        "voice.message.updated",
        "voice.*",
        "voice.message.*",
        "whatsapp.business_account.deleted",
        "whatsapp.business_account.reviewed",
        "whatsapp.business_account.updated",
        "whatsapp.business_account.*",
        "whatsapp.inbound_message.received",
        "whatsapp.inbound_message.*",
        "whatsapp.message.updated",
        "whatsapp.message.*",
        "whatsapp.echo_message.created",
        "whatsapp.echo_message.updated",
        "whatsapp.smb.message.created",
        "whatsapp.smb.message.echoes",
        "whatsapp.echo_message.*",
        "whatsapp.smb.message.*",
        "whatsapp.meta_business_agent.handover.updated",
        "whatsapp.meta_business_agent.*",
        "whatsapp.meta_business_agent.handover.*",
        "whatsapp.group.lifecycle_update",
        "whatsapp.group.participants_update",
        "whatsapp.group.settings_update",
        "whatsapp.group.status_update",
        "whatsapp.group.*",
        "whatsapp.smb.history",
        "whatsapp.smb.app.state.sync",
        "whatsapp.smb.app.*",
        "whatsapp.smb.app.state.*",
        "whatsapp.phone_number.deleted",
        "whatsapp.phone_number.name_updated",
        "whatsapp.phone_number.quality_updated",
        "whatsapp.phone_number.business_username_updated",
        "whatsapp.phone_number.*",
        "whatsapp.template.category_updated",
        "whatsapp.template.quality_updated",
        "whatsapp.template.reviewed",
        "whatsapp.template.*",
        "whatsapp.call.connect",
        "whatsapp.call.terminate",
        "whatsapp.call.status.updated",
        "whatsapp.call.status.*",
        "whatsapp.call.recording.updated",
        "whatsapp.call.recording.*",
        "whatsapp.call.transcription.updated",
        "whatsapp.call.transcription.*",
        "whatsapp.flow.status_change",
        "whatsapp.flow.*",
        "whatsapp.payment.updated",
        "whatsapp.payment.*",
        "whatsapp.user.preferences",
        "whatsapp.user.*",
        "messenger.inbound_message.received",
        "messenger.inbound_message.updated",
        "messenger.inbound_message.*",
        "messenger.message.updated",
        "messenger.message.*",
        "messenger.message_reaction.updated",
        "messenger.message_reaction.*",
        "contact.created",
        "contact.attributes_changed",
        "contact.deleted",
        "contact.note.created",
        "contact.note.updated",
        "contact.note.deleted",
        "contact.note.*",
        "contact.unsubscribe.created",
        "contact.unsubscribe.deleted",
        "*",
        "contact.*",
        "contact.unsubscribe.*",
        "messenger.*",
        "sms.*",
        "whatsapp.*",
        "whatsapp.call.*",
        "whatsapp.smb.*",
    ]

    # A handler fits if it takes the data of all that it is subscribed to. Each set of
    # payloads has a variable, so that the decorated function keeps its own type.
    EmailDeliveryHandler = TypeVar(
        "EmailDeliveryHandler", bound=Callable[[Event[EmailDelivery]], Any]
    )
    SmsHandler = TypeVar("SmsHandler", bound=Callable[[Event[Sms]], Any])
    SmsInboundHandler = TypeVar(
        "SmsInboundHandler", bound=Callable[[Event[SmsInbound]], Any]
    )
    VoiceHandler = TypeVar("VoiceHandler", bound=Callable[[Event[Voice]], Any])
    WhatsappBusinessAccountHandler = TypeVar(
        "WhatsappBusinessAccountHandler",
        bound=Callable[[Event[WhatsappBusinessAccount]], Any],
    )
    WhatsappInboundMessageHandler = TypeVar(
        "WhatsappInboundMessageHandler",
        bound=Callable[[Event[WhatsappInboundMessage]], Any],
    )
    WhatsappMessageAnyHandler = TypeVar(
        "WhatsappMessageAnyHandler",
        bound=Callable[[Event[WhatsappMessage | WhatsappGroupWebhook]], Any],
    )
    WhatsappMessageHandler = TypeVar(
        "WhatsappMessageHandler", bound=Callable[[Event[WhatsappMessage]], Any]
    )
    WhatsappMetaBusinessAgentHandler = TypeVar(
        "WhatsappMetaBusinessAgentHandler",
        bound=Callable[[Event[WhatsappMetaBusinessAgent]], Any],
    )
    WhatsappGroupWebhookHandler = TypeVar(
        "WhatsappGroupWebhookHandler", bound=Callable[[Event[WhatsappGroupWebhook]], Any]
    )
    WhatsappSmbHistoryHandler = TypeVar(
        "WhatsappSmbHistoryHandler",
        bound=Callable[[Event[WhatsappInboundMessage | WhatsappMessage]], Any],
    )
    WhatsappSmbAppStateSyncHandler = TypeVar(
        "WhatsappSmbAppStateSyncHandler",
        bound=Callable[[Event[WhatsappSmbAppStateSync]], Any],
    )
    WhatsappPhoneNumberHandler = TypeVar(
        "WhatsappPhoneNumberHandler", bound=Callable[[Event[WhatsappPhoneNumber]], Any]
    )
    WhatsappTemplateHandler = TypeVar(
        "WhatsappTemplateHandler", bound=Callable[[Event[WhatsappTemplate]], Any]
    )
    CallingConnectHandler = TypeVar(
        "CallingConnectHandler", bound=Callable[[Event[CallingConnect]], Any]
    )
    CallingTerminateHandler = TypeVar(
        "CallingTerminateHandler", bound=Callable[[Event[CallingTerminate]], Any]
    )
    CallingStatusUpdatedHandler = TypeVar(
        "CallingStatusUpdatedHandler", bound=Callable[[Event[CallingStatusUpdated]], Any]
    )
    CallingRecordingHandler = TypeVar(
        "CallingRecordingHandler", bound=Callable[[Event[CallingRecording]], Any]
    )
    CallingTranscriptionHandler = TypeVar(
        "CallingTranscriptionHandler", bound=Callable[[Event[CallingTranscription]], Any]
    )
    FlowChangesHandler = TypeVar(
        "FlowChangesHandler", bound=Callable[[Event[FlowChanges]], Any]
    )
    WhatsappPaymentHandler = TypeVar(
        "WhatsappPaymentHandler", bound=Callable[[Event[WhatsappPayment]], Any]
    )
    WhatsappUserPreferenceHandler = TypeVar(
        "WhatsappUserPreferenceHandler",
        bound=Callable[[Event[WhatsappUserPreference]], Any],
    )
    MessengerInboundMessageHandler = TypeVar(
        "MessengerInboundMessageHandler",
        bound=Callable[[Event[MessengerInboundMessage]], Any],
    )
    MessengerMessageHandler = TypeVar(
        "MessengerMessageHandler", bound=Callable[[Event[MessengerMessage]], Any]
    )
    MessengerMessageReactionHandler = TypeVar(
        "MessengerMessageReactionHandler",
        bound=Callable[[Event[MessengerMessageReaction]], Any],
    )
    ContactCreatedHandler = TypeVar(
        "ContactCreatedHandler", bound=Callable[[Event[ContactCreated]], Any]
    )
    ContactAttributesChangedHandler = TypeVar(
        "ContactAttributesChangedHandler",
        bound=Callable[[Event[ContactAttributesChanged]], Any],
    )
    ContactDeletedHandler = TypeVar(
        "ContactDeletedHandler", bound=Callable[[Event[ContactDeleted]], Any]
    )
    ContactNoteHandler = TypeVar(
        "ContactNoteHandler", bound=Callable[[Event[ContactNote]], Any]
    )
    ContactUnsubscribeCreatedHandler = TypeVar(
        "ContactUnsubscribeCreatedHandler",
        bound=Callable[[Event[ContactUnsubscribeCreated]], Any],
    )
    ContactUnsubscribeDeletedHandler = TypeVar(
        "ContactUnsubscribeDeletedHandler",
        bound=Callable[[Event[ContactUnsubscribeDeleted]], Any],
    )
    PayloadHandler = TypeVar("PayloadHandler", bound=Callable[[Event[Payload]], Any])
    ContactAnyHandler = TypeVar(
        "ContactAnyHandler",
        bound=Callable[
            [
                Event[
                    ContactCreated
                    | ContactAttributesChanged
                    | ContactDeleted
                    | ContactNote
                    | ContactUnsubscribeCreated
                    | ContactUnsubscribeDeleted
                ]
            ],
            Any,
        ],
    )
    ContactUnsubscribeAnyHandler = TypeVar(
        "ContactUnsubscribeAnyHandler",
        bound=Callable[[Event[ContactUnsubscribeCreated | ContactUnsubscribeDeleted]], Any],
    )
    MessengerAnyHandler = TypeVar(
        "MessengerAnyHandler",
        bound=Callable[
            [Event[MessengerInboundMessage | MessengerMessage | MessengerMessageReaction]],
            Any,
        ],
    )
    SmsAnyHandler = TypeVar("SmsAnyHandler", bound=Callable[[Event[Sms | SmsInbound]], Any])
    WhatsappAnyHandler = TypeVar(
        "WhatsappAnyHandler",
        bound=Callable[
            [
                Event[
                    WhatsappBusinessAccount
                    | WhatsappInboundMessage
                    | WhatsappMessage
                    | WhatsappGroupWebhook
                    | WhatsappMetaBusinessAgent
                    | WhatsappSmbAppStateSync
                    | WhatsappPhoneNumber
                    | WhatsappTemplate
                    | CallingConnect
                    | CallingTerminate
                    | CallingStatusUpdated
                    | CallingRecording
                    | CallingTranscription
                    | FlowChanges
                    | WhatsappPayment
                    | WhatsappUserPreference
                ]
            ],
            Any,
        ],
    )
    WhatsappCallAnyHandler = TypeVar(
        "WhatsappCallAnyHandler",
        bound=Callable[
            [
                Event[
                    CallingConnect
                    | CallingTerminate
                    | CallingStatusUpdated
                    | CallingRecording
                    | CallingTranscription
                ]
            ],
            Any,
        ],
    )
    WhatsappSmbAnyHandler = TypeVar(
        "WhatsappSmbAnyHandler",
        bound=Callable[
            [Event[WhatsappInboundMessage | WhatsappMessage | WhatsappSmbAppStateSync]], Any
        ],
    )
    AnyHandler = TypeVar("AnyHandler", bound=Callable[[Any], Any])

    SubscriptionT_co = TypeVar("SubscriptionT_co", covariant=True)

    class Subscribe(Protocol[SubscriptionT_co]):
        """The decorator of a handler with one subscription."""

        @overload
        def __call__(
            self: 'Subscribe[Literal["email.delivery.updated", "email.*", "email.delivery.*"]]',
            handler: EmailDeliveryHandler,
            /,
        ) -> EmailDeliveryHandler: ...

        @overload
        def __call__(
            self: 'Subscribe[Literal["sms.message.updated", "sms.message.*"]]',
            handler: SmsHandler,
            /,
        ) -> SmsHandler: ...

        @overload
        def __call__(
            self: 'Subscribe[Literal["sms.inbound.received", "sms.inbound.*"]]',
            handler: SmsInboundHandler,
            /,
        ) -> SmsInboundHandler: ...

        @overload
        def __call__(
            self: 'Subscribe[Literal["voice.message.updated", "voice.*", "voice.message.*"]]',
            handler: VoiceHandler,
            /,
        ) -> VoiceHandler: ...

        @overload
        def __call__(
            self: 'Subscribe[Literal["whatsapp.business_account.deleted", "whatsapp.business_account.reviewed", "whatsapp.business_account.updated", "whatsapp.business_account.*"]]',
            handler: WhatsappBusinessAccountHandler,
            /,
        ) -> WhatsappBusinessAccountHandler: ...

        @overload
        def __call__(
            self: 'Subscribe[Literal["whatsapp.inbound_message.received", "whatsapp.inbound_message.*"]]',
            handler: WhatsappInboundMessageHandler,
            /,
        ) -> WhatsappInboundMessageHandler: ...

        @overload
        def __call__(
            self: 'Subscribe[Literal["whatsapp.message.updated", "whatsapp.message.*"]]',
            handler: WhatsappMessageAnyHandler,
            /,
        ) -> WhatsappMessageAnyHandler: ...

        @overload
        def __call__(
            self: 'Subscribe[Literal["whatsapp.echo_message.created", "whatsapp.echo_message.updated", "whatsapp.smb.message.created", "whatsapp.smb.message.echoes", "whatsapp.echo_message.*", "whatsapp.smb.message.*"]]',
            handler: WhatsappMessageHandler,
            /,
        ) -> WhatsappMessageHandler: ...

        @overload
        def __call__(
            self: 'Subscribe[Literal["whatsapp.meta_business_agent.handover.updated", "whatsapp.meta_business_agent.*", "whatsapp.meta_business_agent.handover.*"]]',
            handler: WhatsappMetaBusinessAgentHandler,
            /,
        ) -> WhatsappMetaBusinessAgentHandler: ...

        @overload
        def __call__(
            self: 'Subscribe[Literal["whatsapp.group.lifecycle_update", "whatsapp.group.participants_update", "whatsapp.group.settings_update", "whatsapp.group.status_update", "whatsapp.group.*"]]',
            handler: WhatsappGroupWebhookHandler,
            /,
        ) -> WhatsappGroupWebhookHandler: ...

        @overload
        def __call__(
            self: 'Subscribe[Literal["whatsapp.smb.history"]]',
            handler: WhatsappSmbHistoryHandler,
            /,
        ) -> WhatsappSmbHistoryHandler: ...

        @overload
        def __call__(
            self: 'Subscribe[Literal["whatsapp.smb.app.state.sync", "whatsapp.smb.app.*", "whatsapp.smb.app.state.*"]]',
            handler: WhatsappSmbAppStateSyncHandler,
            /,
        ) -> WhatsappSmbAppStateSyncHandler: ...

        @overload
        def __call__(
            self: 'Subscribe[Literal["whatsapp.phone_number.deleted", "whatsapp.phone_number.name_updated", "whatsapp.phone_number.quality_updated", "whatsapp.phone_number.business_username_updated", "whatsapp.phone_number.*"]]',
            handler: WhatsappPhoneNumberHandler,
            /,
        ) -> WhatsappPhoneNumberHandler: ...

        @overload
        def __call__(
            self: 'Subscribe[Literal["whatsapp.template.category_updated", "whatsapp.template.quality_updated", "whatsapp.template.reviewed", "whatsapp.template.*"]]',
            handler: WhatsappTemplateHandler,
            /,
        ) -> WhatsappTemplateHandler: ...

        @overload
        def __call__(
            self: 'Subscribe[Literal["whatsapp.call.connect"]]',
            handler: CallingConnectHandler,
            /,
        ) -> CallingConnectHandler: ...

        @overload
        def __call__(
            self: 'Subscribe[Literal["whatsapp.call.terminate"]]',
            handler: CallingTerminateHandler,
            /,
        ) -> CallingTerminateHandler: ...

        @overload
        def __call__(
            self: 'Subscribe[Literal["whatsapp.call.status.updated", "whatsapp.call.status.*"]]',
            handler: CallingStatusUpdatedHandler,
            /,
        ) -> CallingStatusUpdatedHandler: ...

        @overload
        def __call__(
            self: 'Subscribe[Literal["whatsapp.call.recording.updated", "whatsapp.call.recording.*"]]',
            handler: CallingRecordingHandler,
            /,
        ) -> CallingRecordingHandler: ...

        @overload
        def __call__(
            self: 'Subscribe[Literal["whatsapp.call.transcription.updated", "whatsapp.call.transcription.*"]]',
            handler: CallingTranscriptionHandler,
            /,
        ) -> CallingTranscriptionHandler: ...

        @overload
        def __call__(
            self: 'Subscribe[Literal["whatsapp.flow.status_change", "whatsapp.flow.*"]]',
            handler: FlowChangesHandler,
            /,
        ) -> FlowChangesHandler: ...

        @overload
        def __call__(
            self: 'Subscribe[Literal["whatsapp.payment.updated", "whatsapp.payment.*"]]',
            handler: WhatsappPaymentHandler,
            /,
        ) -> WhatsappPaymentHandler: ...

        @overload
        def __call__(
            self: 'Subscribe[Literal["whatsapp.user.preferences", "whatsapp.user.*"]]',
            handler: WhatsappUserPreferenceHandler,
            /,
        ) -> WhatsappUserPreferenceHandler: ...

        @overload
        def __call__(
            self: 'Subscribe[Literal["messenger.inbound_message.received", "messenger.inbound_message.updated", "messenger.inbound_message.*"]]',
            handler: MessengerInboundMessageHandler,
            /,
        ) -> MessengerInboundMessageHandler: ...

        @overload
        def __call__(
            self: 'Subscribe[Literal["messenger.message.updated", "messenger.message.*"]]',
            handler: MessengerMessageHandler,
            /,
        ) -> MessengerMessageHandler: ...

        @overload
        def __call__(
            self: 'Subscribe[Literal["messenger.message_reaction.updated", "messenger.message_reaction.*"]]',
            handler: MessengerMessageReactionHandler,
            /,
        ) -> MessengerMessageReactionHandler: ...

        @overload
        def __call__(
            self: 'Subscribe[Literal["contact.created"]]', handler: ContactCreatedHandler, /
        ) -> ContactCreatedHandler: ...

        @overload
        def __call__(
            self: 'Subscribe[Literal["contact.attributes_changed"]]',
            handler: ContactAttributesChangedHandler,
            /,
        ) -> ContactAttributesChangedHandler: ...

        @overload
        def __call__(
            self: 'Subscribe[Literal["contact.deleted"]]', handler: ContactDeletedHandler, /
        ) -> ContactDeletedHandler: ...

        @overload
        def __call__(
            self: 'Subscribe[Literal["contact.note.created", "contact.note.updated", "contact.note.deleted", "contact.note.*"]]',
            handler: ContactNoteHandler,
            /,
        ) -> ContactNoteHandler: ...

        @overload
        def __call__(
            self: 'Subscribe[Literal["contact.unsubscribe.created"]]',
            handler: ContactUnsubscribeCreatedHandler,
            /,
        ) -> ContactUnsubscribeCreatedHandler: ...

        @overload
        def __call__(
            self: 'Subscribe[Literal["contact.unsubscribe.deleted"]]',
            handler: ContactUnsubscribeDeletedHandler,
            /,
        ) -> ContactUnsubscribeDeletedHandler: ...

        @overload
        def __call__(
            self: 'Subscribe[Literal["*"]]', handler: PayloadHandler, /
        ) -> PayloadHandler: ...

        @overload
        def __call__(
            self: 'Subscribe[Literal["contact.*"]]', handler: ContactAnyHandler, /
        ) -> ContactAnyHandler: ...

        @overload
        def __call__(
            self: 'Subscribe[Literal["contact.unsubscribe.*"]]',
            handler: ContactUnsubscribeAnyHandler,
            /,
        ) -> ContactUnsubscribeAnyHandler: ...

        @overload
        def __call__(
            self: 'Subscribe[Literal["messenger.*"]]', handler: MessengerAnyHandler, /
        ) -> MessengerAnyHandler: ...

        @overload
        def __call__(
            self: 'Subscribe[Literal["sms.*"]]', handler: SmsAnyHandler, /
        ) -> SmsAnyHandler: ...

        @overload
        def __call__(
            self: 'Subscribe[Literal["whatsapp.*"]]', handler: WhatsappAnyHandler, /
        ) -> WhatsappAnyHandler: ...

        @overload
        def __call__(
            self: 'Subscribe[Literal["whatsapp.call.*"]]',
            handler: WhatsappCallAnyHandler,
            /,
        ) -> WhatsappCallAnyHandler: ...

        @overload
        def __call__(
            self: 'Subscribe[Literal["whatsapp.smb.*"]]', handler: WhatsappSmbAnyHandler, /
        ) -> WhatsappSmbAnyHandler: ...

    SubscribeT = TypeVar("SubscribeT")

    class SubscribeToAll(Protocol[SubscribeT]):
        """The decorator of a handler with several: it must fit each of them."""

        __call__: SubscribeT

    T1 = TypeVar("T1", bound=Subscription)
    T2 = TypeVar("T2", bound=Subscription)
    T3 = TypeVar("T3", bound=Subscription)
    T4 = TypeVar("T4", bound=Subscription)
    T5 = TypeVar("T5", bound=Subscription)
    T6 = TypeVar("T6", bound=Subscription)

    class OnEvent(Protocol):
        """What ``on_event`` is to a type checker."""

        @overload
        def __call__(  # pyright: ignore[reportOverlappingOverload]
            self,
            type_1: T1,
            /,
            *,
            name: str | None = None,
            timeout: float | None = None,
            retry_delays: Sequence[float] | None = None,
        ) -> Subscribe[T1]: ...

        @overload
        def __call__(  # pyright: ignore[reportOverlappingOverload]
            self,
            type_1: T1,
            type_2: T2,
            /,
            *,
            name: str | None = None,
            timeout: float | None = None,
            retry_delays: Sequence[float] | None = None,
        ) -> SubscribeToAll[Subscribe[T1] | Subscribe[T2]]: ...

        @overload
        def __call__(  # pyright: ignore[reportOverlappingOverload]
            self,
            type_1: T1,
            type_2: T2,
            type_3: T3,
            /,
            *,
            name: str | None = None,
            timeout: float | None = None,
            retry_delays: Sequence[float] | None = None,
        ) -> SubscribeToAll[Subscribe[T1] | Subscribe[T2] | Subscribe[T3]]: ...

        @overload
        def __call__(  # pyright: ignore[reportOverlappingOverload]
            self,
            type_1: T1,
            type_2: T2,
            type_3: T3,
            type_4: T4,
            /,
            *,
            name: str | None = None,
            timeout: float | None = None,
            retry_delays: Sequence[float] | None = None,
        ) -> SubscribeToAll[
            Subscribe[T1] | Subscribe[T2] | Subscribe[T3] | Subscribe[T4]
        ]: ...

        @overload
        def __call__(  # pyright: ignore[reportOverlappingOverload]
            self,
            type_1: T1,
            type_2: T2,
            type_3: T3,
            type_4: T4,
            type_5: T5,
            /,
            *,
            name: str | None = None,
            timeout: float | None = None,
            retry_delays: Sequence[float] | None = None,
        ) -> SubscribeToAll[
            Subscribe[T1] | Subscribe[T2] | Subscribe[T3] | Subscribe[T4] | Subscribe[T5]
        ]: ...

        @overload
        def __call__(  # pyright: ignore[reportOverlappingOverload]
            self,
            type_1: T1,
            type_2: T2,
            type_3: T3,
            type_4: T4,
            type_5: T5,
            type_6: T6,
            /,
            *,
            name: str | None = None,
            timeout: float | None = None,
            retry_delays: Sequence[float] | None = None,
        ) -> SubscribeToAll[
            Subscribe[T1]
            | Subscribe[T2]
            | Subscribe[T3]
            | Subscribe[T4]
            | Subscribe[T5]
            | Subscribe[T6]
        ]: ...

        @overload
        def __call__(
            self,
            *types: str,
            name: str | None = None,
            timeout: float | None = None,
            retry_delays: Sequence[float] | None = None,
        ) -> Callable[[AnyHandler], AnyHandler]: ...
