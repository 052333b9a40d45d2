"""Where bytes may be fetched from, and what a message may refer to."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st
from yarl import URL

from bridge.config import CLOUDS
from bridge.domain.content import (
    Attachment,
    Body,
    Image,
    Link,
    Paragraph,
    Quote,
    Text,
    normalise,
    walk,
)
from bridge.domain.ids import (
    Channel,
    ChannelId,
    ConversationId,
    Place,
    TeamId,
    TenantId,
    channel_place,
)
from bridge.teams.hosts import Hosts
from bridge.teams.libraries import Site, path_within, share_path, site_of
from bridge.teams.media import hosted_path
from bridge.teams.outside import MEDIA_MAX, settled
from tests.unit.convert.bodies import ANY_BODIES
from tests.unit.teams.memory import TENANT, teams_config

HOSTS = Hosts.of(teams_config(graph_url="https://graph.microsoft.com"))
CHAT = "19:c@thread.v2"
PLACE = Place(tenant=TenantId(TENANT), conversation=ConversationId(CHAT))
CHANNEL = channel_place(
    TenantId(TENANT), Channel(team=TeamId("team"), channel=ChannelId("19:k@thread.tacv2"))
)
GRAPH = "https://graph.microsoft.com/v1.0"
PICTURE = f"{GRAPH}/chats/19%3Ac%40thread.v2/messages/1616/hostedContents/aWQ9/$value"
GIF = "https://media.giphy.com/media/tea/giphy.gif"


@pytest.mark.parametrize(
    "address",
    [
        "https://contoso.sharepoint.com/sites/Tea/Shared%20Documents/a.docx",
        "https://contoso-my.sharepoint.com/personal/a_b/_layouts/15/download.aspx?tempauth=v1.e%2Bf",
        "https://CONTOSO.SharePoint.com/x",
        "https://westeurope1-mediap.svc.ms/transform/thumbnail?x=1",
        "https://statics.teams.cdn.office.net/evergreen-assets/sticker.png",
        PICTURE,
    ],
)
def test_microsoft_s_hosts_of_the_cloud_are_asked(address: str) -> None:
    assert HOSTS.permitted(address) is not None


@pytest.mark.parametrize(
    "address",
    [
        "https://evil.test/contoso.sharepoint.com",
        "https://contoso.sharepoint.com.evil.test/",
        "https://evilsharepoint.com/",
        "https://sharepoint.com/",
        "https://.sharepoint.com/",
        "https://contoso.sharepoint.com@evil.test/",
        "https://user:password@contoso.sharepoint.com/",
        "https://evil.test\\.sharepoint.com/",
        "https://evil.test#.sharepoint.com",
        "https://evil.test?.sharepoint.com",
        "https://evil.test%2f.sharepoint.com/",
        "https://contoso.sharepoint.com:8443/",
        "http://contoso.sharepoint.com/",
        "http://graph.microsoft.com/v1.0/",
        "https://graph.microsoft.com:8443/v1.0/",
        "https://graph.microsoft.us/v1.0/",
        "https://contoso.sharepoint.us/",
        "https://contoso.sharepoint.com./",
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://169.254.169.254/latest/meta-data/",
        "https://contoso.sharepoint.com/a b",
        "https://contoso.sharepoint.com/\r\nX: y",
        "https://contoso.shar\u0435point.com/",
        "file:///etc/passwd",
        "data:image/png;base64,AAAA",
        "//contoso.sharepoint.com/",
        "contoso.sharepoint.com",
        "https:///x",
        "",
    ],
)
def test_nobody_else_is(address: str) -> None:
    assert HOSTS.permitted(address) is None


def test_each_cloud_has_its_own() -> None:
    for name, host in {
        "global": "contoso.sharepoint.com",
        "gcc_high": "contoso.sharepoint.us",
        "dod": "contoso.sharepoint-mil.us",
        "china": "contoso.sharepoint.cn",
    }.items():
        cloud = CLOUDS[name]
        hosts = Hosts.of(teams_config(graph_url=cloud.graph_url, file_hosts=cloud.file_hosts))
        others = {"contoso.sharepoint.com", "contoso.sharepoint.us", "contoso.sharepoint.cn"} - {
            host
        }
        assert hosts.permitted(f"https://{host}/x") is not None
        assert all(hosts.permitted(f"https://{other}/x") is None for other in others)


def test_graph_itself_is_asked_where_it_is_configured_to_be() -> None:
    hosts = Hosts.of(teams_config(graph_url="http://127.0.0.1:8090/v1.0", file_hosts=()))

    assert hosts.permitted("http://127.0.0.1:8090/_files/x") is not None
    assert hosts.permitted("http://127.0.0.1:8091/_files/x") is None
    assert hosts.permitted("https://127.0.0.1:8090/_files/x") is None


@given(st.text())
def test_whatever_an_address_is_it_is_none_or_one_of_them(address: str) -> None:
    for found in (HOSTS.permitted(address), HOSTS.permitted(f"https://{address}.sharepoint.com/")):
        assert found is None or (found.host or "").endswith(".sharepoint.com")


# --- hosted contents ---


def test_a_picture_of_the_conversation_is_read_at_a_path_that_is_ours() -> None:
    assert hosted_path(URL(PICTURE, encoded=True), PLACE) == (
        "/chats/19%3Ac%40thread.v2/messages/1616/hostedContents/aWQ9/$value"
    )
    other = PICTURE.replace("/v1.0/", "/beta/users/u/").replace("hostedContents", "hostedcontents")
    assert hosted_path(URL(other, encoded=True), PLACE) == hosted_path(
        URL(PICTURE, encoded=True), PLACE
    )


def test_a_picture_of_a_channel_is_read_there() -> None:
    post = f"{GRAPH}/teams/team/channels/19%3Ak%40thread.tacv2/messages/1"

    for place in (post, f"{post}/replies/2"):
        url = URL(f"{place}/hostedContents/x/$value", encoded=True)
        assert hosted_path(url, CHANNEL) == str(url).removeprefix(GRAPH)
        assert hosted_path(url, PLACE) is None


@pytest.mark.parametrize(
    "path",
    [
        "/chats/19%3Aother%40thread.v2/messages/1/hostedContents/x/$value",
        "/chats/19%3Ac%40thread.v2/messages/1/hostedContents/x",
        "/chats/19%3Ac%40thread.v2/messages/1/$value",
        "/chats/19%3Ac%40thread.v2/messages/1/hostedContents/x/$value?$select=id",
        "/chats/19%3Ac%40thread.v2/../19%3Aother/messages/1/hostedContents/x/$value",
        "/chats/19%3Ac%40thread.v2/messages/../hostedContents/x/$value",
        "/chats/19%3Ac%40thread.v2/messages//hostedContents/x/$value",
        "/teams/team/channels/19%3Ac%40thread.v2/messages/1/hostedContents/x/$value",
        "/users/u/photo/$value",
        "/me/drive/items/x/content",
        "/users",
        "/",
        "",
    ],
)
def test_no_other_path_of_graph_is_read_for_a_message(path: str) -> None:
    assert hosted_path(URL(GRAPH + path, encoded=True), PLACE) is None


def test_an_id_cannot_lead_out_of_its_place() -> None:
    path = f"{GRAPH}/chats/19%3Ac%40thread.v2/messages/1%2F..%2F..%2Fusers/hostedContents/x/$value"

    assert hosted_path(URL(path, encoded=True), PLACE) == (
        "/chats/19%3Ac%40thread.v2/messages/1%2F..%2F..%2Fusers/hostedContents/x/$value"
    )


@given(st.text(st.characters(codec="ascii", exclude_categories=["C"]), max_size=80))
def test_whatever_a_path_is_it_is_none_or_of_this_chat(path: str) -> None:
    try:
        url = URL(f"{GRAPH}/{path}")
    except ValueError:
        return
    found = hosted_path(url, PLACE)
    assert found is None or found.startswith("/chats/19%3Ac%40thread.v2/messages/")


# --- libraries ---


@pytest.mark.parametrize(
    ("address", "site"),
    [
        ("https://x.sharepoint.com/sites/Tea/Shared Documents/a", "/sites/tea"),
        ("https://x.sharepoint.com/teams/Tea/Shared Documents/a", "/teams/tea"),
        ("https://x-my.sharepoint.com/personal/A_B/Documents/a", "/personal/a_b"),
        ("https://x.sharepoint.com/:w:/g/sites/Tea/Eabc", "/sites/tea"),
        ("https://x-my.sharepoint.com/:i:/r/personal/a_b/Documents/a.png", "/personal/a_b"),
        ("https://x.sharepoint.com/sites/Tea/_layouts/15/Doc.aspx?sourcedoc=1", "/sites/tea"),
        ("https://x.sharepoint.com/Shared Documents/a", ""),
        ("https://x.sharepoint.com/a/sites/Tea/b", ""),
    ],
)
def test_an_address_tells_its_site(address: str, site: str) -> None:
    url = URL(address)
    assert site_of(url) == Site(host=(url.host or ""), path=site)


def test_a_path_in_a_library_is_encoded_name_by_name() -> None:
    library = URL("https://x.sharepoint.com/sites/Tea/Shared%20Documents", encoded=True)

    def within(path: str) -> str | None:
        return path_within(URL(f"https://x.sharepoint.com{path}", encoded=True), library)

    assert (
        within("/sites/Tea/Shared%20Documents/G%C3%BCn/a%20b%23.docx") == "G%C3%BCn/a%20b%23.docx"
    )
    assert within("/sites/tea/shared%20documents/a") == "a"
    assert within("/sites/Tea/Shared%20Documents/../../HR/Shared%20Documents/pay.xlsx") is None
    assert within("/sites/Tea/Shared%20Documents/%2e%2e/x") is None
    assert within("/sites/Tea/Shared%20Documents") is None
    assert within("/sites/Tea/Shared%20Documents2/a") is None
    assert within("/sites/Tea/Lists/a") is None


def test_what_was_shared_is_named_as_graph_wants_it() -> None:
    assert share_path("https://x/é?a=b") == "/shares/u!aHR0cHM6Ly94L8OpP2E9Yg/driveItem/content"


# --- what is not fetched ---


def body_of(*images: Image, files: tuple[Attachment, ...] = ()) -> Body:
    return normalise(Body(blocks=(Paragraph(content=images), *files)))


def test_a_picture_elsewhere_is_a_link_and_is_counted() -> None:
    body, losses = settled(body_of(Image(alt="tea (GIF)", url=GIF)), HOSTS)

    link = Link(href=GIF, content=(Text(text="[image: tea (GIF)]"),))
    assert body == Body(blocks=(Paragraph(content=(link,)),))
    assert losses == ("external_image",)


def test_a_picture_that_can_be_no_link_is_its_name() -> None:
    body, losses = settled(body_of(Image(alt="x", url="data:image/png;base64,AAAA")), HOSTS)

    assert body == body_of(Image(alt="x"))
    assert losses == ("external_image",)


def test_a_smile_elsewhere_is_its_name_and_no_link() -> None:
    body, _ = settled(body_of(Image(alt="smile", url=GIF, is_emoticon=True)), HOSTS)

    assert body == body_of(Image(alt="smile", is_emoticon=True))


def test_what_is_fetched_stays_as_it_is() -> None:
    body = body_of(
        Image(alt="x", url=PICTURE),
        files=(
            Attachment(
                name="a", url="https://x.sharepoint.com/a", page="https://x.sharepoint.com/a"
            ),
        ),
    )

    assert settled(body, HOSTS) == (body, ())


def test_a_file_elsewhere_has_its_page_only() -> None:
    file = Attachment(name="a", url="https://files.test/a")

    body, losses = settled(Body(blocks=(file,)), HOSTS)

    assert body == Body(blocks=(Attachment(name="a", page="https://files.test/a"),))
    assert losses == ("external_file",)


def test_more_pictures_than_a_message_may_have_are_their_names() -> None:
    many = [
        Image(alt=str(n), url=f"{PICTURE}".replace("1616", str(n))) for n in range(MEDIA_MAX + 5)
    ]

    body, losses = settled(body_of(*many), HOSTS)

    assert sum(isinstance(n, Image) and bool(n.url) for n in walk(body)) == MEDIA_MAX
    assert losses == ("more_media",)


def test_a_picture_within_a_quotation_is_looked_at_too() -> None:
    quote = Body(blocks=(Quote(blocks=(Paragraph(content=(Image(alt="x", url=GIF),)),)),))

    assert settled(quote, HOSTS)[1] == ("external_image",)


@given(ANY_BODIES)
def test_whatever_a_message_is_it_refers_to_nobody_else(body: Body) -> None:
    found, _ = settled(normalise(body), HOSTS)

    urls = [n.url for n in walk(found) if isinstance(n, Image | Attachment) and n.url]
    assert all(HOSTS.permitted(url) for url in urls)
    assert settled(found, HOSTS)[0] == found
