"""What may be played either way, because reality is unverified or varies.

A tenant has one `Settings`; a test changes it by name through the control interface.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal


class DeleteForm(StrEnum):
    """Which change a deletion is announced as; Microsoft documents neither of them exactly."""

    DELETED = "deleted"
    UPDATED = "updated"
    BOTH = "both"


@dataclass(slots=True, kw_only=True)
class Settings:
    """What may be played either way, because reality is unverified or varies."""

    keep_unknown_attributes: bool = False
    """Whether messages keep attributes of HTML elements that Teams does not know; not documented."""
    delete_form: DeleteForm = DeleteForm.DELETED
    """Which change a deletion is announced as; Microsoft does not say."""
    body_bytes_max: int = 28 * 1024
    """28 KB was measured in 2020; Microsoft's limits page says about 100 KB since."""
    external_access: bool = True
    """Whether an administrator lets people talk with other organisations; how Graph refuses it is not
    documented."""
    members_per_chat_max: int = 250
    """100 in the US government clouds; newer chats may take more."""
    announce_creation: bool = False
    """Whether a new group chat begins with system messages."""
    system_messages: bool = True
    """Whether anything leaves a system message; false keeps a test about something else short."""
    dlp_licensed: bool = True
    """Without the licence, setting a policy violation is refused with 402."""
    edit_takes_images: bool = True
    """Whether an edit may bring new inline images."""
    chat_delta: bool = False
    """Whether `/chats/{id}/messages/delta` is there; it is in the metadata, not in the documents."""
    channel_delta: bool = True
    """The same for channels, where it was documented until 2023."""
    delta_token_days: int = 30
    """How long a delta token is good; Microsoft says nothing of Teams."""
    export_shows_deleted: bool = True
    """Whether `getAllMessages` has deleted messages; in 2026 that changed from week to week."""
    deleted_kept_days: int = 21
    """For how long an export still has a message that was deleted."""
    retention_policy: bool = True
    """Without one, `getAllRetainedMessages` finds nothing."""
    rsc_enabled: bool = True
    """False is Microsoft's `DisabledForAllApps`: consent of chats and teams counts for nothing."""
    protected_apis_form: bool = False
    """Whether an app must have been approved by Microsoft before it may read messages by itself."""
    team_operation_seconds: int = 3
    """How long creating and archiving take; a team that is being made is not found until then."""
    notifications_per_post_max: int = 20
    """Microsoft sends several in one request, and does not say how many."""
    posts_in_flight_max: int = 1
    """Requests to one address at a time; not documented."""
    hold_unauthorized: bool = True
    """Whether notifications wait until the subscription is authorised again, or are lost."""
    validation_token_version: Literal[1, 2] = 2
    """The version of `validationTokens`; Microsoft documents both."""
    validation_tokens: bool = True
    """False is what an app gets that needs an assignment of its users: null in their place."""
    handshake_timeout_seconds: float = 10.0
    """How long an address has for the handshake; documented, shorter in tests."""
    first_answer_seconds: float = 3.0
    """How long the first delivery of a notification waits; longer answers are slow ones."""
    later_answer_seconds: float = 10.0
    """The same for a repeated delivery; longer answers lead to dropping."""
    endpoint_answers_min: int = 100
    """So many answers in ten minutes before an address is judged; older documentation's number."""
    endpoint_probes: int = 10
    """Notifications that are let through to an address after ten minutes of dropping."""
    latency_average_seconds: float = 0.0
    """Microsoft's is below 10 s on average for everything of Teams, and at most 60 s for
    messages and presence, at most an hour for the rest."""
    latency_max_seconds: float = 60.0
    """The longest that one notification takes, when they take time."""
    swap_casing: bool = False
    """Whether `changeType` and `@odata.type` are cased otherwise than in Microsoft's samples."""
    system_events_everywhere: bool = False
    """Whether `getAllMessages` tells of system messages, which is not documented."""
    member_names_in_content: bool = False
    """Whether a chat member's encrypted content has its names; Microsoft's samples have null."""
    double_renewal_forgets: bool = True
    """Whether the second of a PATCH and a reauthorize within ten minutes is without effect."""
    user_chats_with_content: bool = True
    """Whether `/users/{id}/chats` takes `includeResourceData`: the page about chats says so, the table
    of resources that do leaves it out."""
    views_read_until_last_message: bool = False
    """Whether a chat that is read now is read until its newest message, instead of until now."""
    subscriptions_max: int = 10_000
    """Of Teams' resources together, per organisation."""
    one_subscription_per_whole_tenant: bool = True
    """Whether an app's second subscription to all chats or all teams is refused too; documented is
    the limit of one per app and chat, channel or team."""
    subscribers_apart: bool = False
    """Whether that limit counts the users apart on whose behalf an app subscribes."""
    continuous_evaluation: bool = True
    """Whether Graph heeds what happens to the user of a token that can be challenged."""
    continuous_evaluation_of_apps: bool = True
    """The same for apps that are disabled; it takes a licence of its own."""
    disabled_users_keep_tokens: bool = False
    """Whether other tokens work on until they end; Microsoft says so of tokens in general."""
    assertion_only_once: bool = False
    """Whether a client assertion is good for one request; msal uses one for nine minutes."""
    device_slow_down: bool = True
    """Whether hasty polling is answered with `slow_down`, which Microsoft does not document."""
    throttling: bool = True
    """Whether there are limits at all."""
    throttle_scale: float = 1.0
    """Every documented limit is multiplied by this."""
    throttle_burst_seconds: float = 1.0
    """How many seconds' worth of a limit per second pass at once; not documented."""
    throttle_debt_seconds: float = 0.0
    """How long a client that asks on while refused can make itself wait; not documented."""
    throttle_per_line: bool = False
    """One request a second per chat or channel for each kind of request, instead of for all."""
    throttle_retry_after: bool = True
    """Refusals say how long to wait; messages' did not always."""
    simple_upload_bytes_max: int = 4 * 1024 * 1024
    """Largest upload in one request; Microsoft's page said 4 MB until 2023, and 250 MB since."""
    fragments_refused_at_once: bool = True
    """Whether a piece of an odd size is refused at once, or the whole upload at its end."""
    upload_session_minutes: int = 24 * 60
    """How long an upload may rest; not documented."""
    upload_url_refuses_bearer: bool = True
    """Whether a token sent along with a piece is refused; it "may result in" a 401."""
    download_url_minutes: int = 60
    """How long a download address is good; Microsoft says "a few minutes" and an hour."""
    download_url_refuses_bearer: bool = False
    """Whether a token sent along with a download address is refused; not documented."""
    drive_quota_bytes: int = 1 << 40
    """Room in each drive."""
    files_folder_seconds: int = 0
    """How old a channel is before its folder is there; minutes to a day were reported."""
    files_scope_own_only: bool = True
    """Whether `Files.Read` is good for one's own OneDrive only, as its description says."""
    anonymous_links: bool = False
    """Whether the administrator allows links for everyone."""
    user_delta_days: int = 7
    """How long a delta token of users is good (delta-query-overview)."""
    photo_placeholder: bool = False
    """Whether who has no photo has the metadata of one of 1x1, as a sample shows it."""
    photo_missing_code: str = "ImageNotFound"
    """What a missing photo is refused with; `ErrorItemNotFound` and `GetUserPhoto` were seen too."""
    presence_casing: str = "pascal"
    """How availability and activity are written: `pascal` as in the samples, or `camel` as the
    description of the property in 2026."""
