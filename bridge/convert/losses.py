"""Names of what a message loses on its way to the other side: a closed set, counted and listed by them.

Whatever is named here has left a word, a link or a notice in the message, unless it is about where the
message stands; nothing goes silently. Only
what people would miss is named: fonts, margins and the default colours of light and dark are for every
client to choose, and markup that was never to be seen is none.
"""

from __future__ import annotations

from collections.abc import Mapping

ACTION_BUTTONS = "action_buttons"
ALIGNMENT = "alignment"
APP_MENTION = "app_mention"
CARD_CHARTS = "card_charts"
CARD_ELEMENTS = "card_elements"
CARD_IMAGES = "card_images"
CARD_INPUTS = "card_inputs"
CARD_JSON = "card_json"
CARD_MEDIA = "card_media"
CARD_REFRESH = "card_refresh"
CARD_TEXT = "card_text"
CARD_TOGGLE = "card_toggle"
CELL_SPANS = "cell_spans"
CODE_SNIPPET_TEXT = "code_snippet_text"
EMBEDDED_CONTENT = "embedded_content"
EMOTICON = "emoticon"
EXTERNAL_FILE = "external_file"
EXTERNAL_IMAGE = "external_image"
FILE_NOT_SHARED = "file_not_shared"
FILE_REFUSED = "file_refused"
FILE_TOO_LARGE = "file_too_large"
FILE_UNREADABLE = "file_unreadable"
FOLDING = "folding"
FONT_SIZE = "font_size"
FORMULA = "formula"
LIST_STYLE = "list_style"
LOOP_LIVE_CONTENT = "loop_live_content"
MISSING_ATTACHMENT = "missing_attachment"
MORE_ATTACHMENTS = "more_attachments"
MORE_MEDIA = "more_media"
PICTURE_IN_EDIT = "picture_in_edit"
POLL = "poll"
QUOTE_IN_THREAD = "quote_in_thread"
SPOILER = "spoiler"
STRUCTURE = "structure"
TAG_MENTION = "tag_mention"
THREAD_ROOT_MISSING = "thread_root_missing"
UNKNOWN_CARD = "unknown_card"
UNKNOWN_MENTION = "unknown_mention"
UNKNOWN_SYSTEM_EVENT = "unknown_system_event"
UNREADABLE_CARD = "unreadable_card"

LOSSES: Mapping[str, str] = {
    ACTION_BUTTONS: "buttons of a card that ask its app for something: named, but not to be pressed",
    ALIGNMENT: "lines that stand in the middle or at the far edge: all begin alike",
    APP_MENTION: "bots that were called: their names, they do not hear what is said in Matrix",
    CARD_CHARTS: "charts of a card: their numbers are listed",
    CARD_ELEMENTS: "parts of a card of a kind that the bridge does not know: their texts are shown",
    CARD_IMAGES: "pictures that lie in a card itself: their descriptions are shown",
    CARD_INPUTS: "fields of a card to be filled in: shown, but not to be filled in",
    CARD_JSON: "the card's own JSON, which is too large to be kept with the message",
    CARD_MEDIA: "recordings in a card without an address to follow: named",
    CARD_REFRESH: "cards that show everybody something else: shown as they are stored",
    CARD_TEXT: "the end of a card or a forward that is larger than any that Teams takes",
    CARD_TOGGLE: "parts of a card that a click shows or hides: all are shown",
    CELL_SPANS: "fields of a table that span several columns or rows: each takes one",
    CODE_SNIPPET_TEXT: "the text of a code snippet, which could not be had from Graph: named",
    EMBEDDED_CONTENT: "what is alive or drawn in a text, as frames, formulas and forms: their words at most",
    EMOTICON: "emoji that are images and have none on the homeserver, on their way to Teams: their names are shown",
    EXTERNAL_FILE: "files on hosts that are none of Microsoft's: linked, not copied",
    EXTERNAL_IMAGE: "pictures on hosts that are none of Microsoft's, as those of GIF services: linked",
    FILE_NOT_SHARED: "files on their way to a chat that some of its people cannot open: they are of other organisations, or OneDrive does not let them in",
    FILE_REFUSED: "files and pictures that the homeserver does not take: named, linked if possible",
    FILE_TOO_LARGE: "files and pictures above the permitted size: linked with name and size",
    FILE_UNREADABLE: "files and pictures that are gone, or not to be read for who showed them: linked",
    FOLDING: "words that were folded away: they are shown",
    FONT_SIZE: "words larger or smaller than their surroundings; headings are not meant",
    FORMULA: "formulas in LaTeX: their plain form is shown, or LaTeX where they have none",
    LIST_STYLE: "lists counted in letters, in Roman numbers, or backwards: counted in numbers",
    LOOP_LIVE_CONTENT: "what a Loop component shows and lets people edit: linked",
    MISSING_ATTACHMENT: "attachments that a text has a place for and Graph does not show: that there was one",
    MORE_ATTACHMENTS: "attachments beyond the fiftieth of a message",
    MORE_MEDIA: "pictures and files beyond the fiftieth of a message: named",
    PICTURE_IN_EDIT: "pictures and files that an edit adds to a message in Teams: named",
    POLL: "polls of Matrix: what they ask and what came of them is shown, nobody can vote in Teams",
    QUOTE_IN_THREAD: "which message of a thread somebody answered: in channels Teams shows replies to the post alone",
    SPOILER: "words that were to be seen on request only: in the colour of their ground, to be read when they are selected, with a warning before them",
    STRUCTURE: "the form of what is too deep, or too far behind, in a very long message: its words are shown",
    TAG_MENTION: "tags that were called, that is everybody who bears them: their names",
    THREAD_ROOT_MISSING: "the thread of a reply whose post was deleted before it came, or is on one side only: it stands alone",
    UNKNOWN_CARD: "cards and attachments of a kind that the bridge does not know: their texts are shown",
    UNKNOWN_MENTION: "people who were called, of whom Graph does not say who they are: their names",
    UNKNOWN_SYSTEM_EVENT: "system messages of a kind that the bridge does not know: named",
    UNREADABLE_CARD: "cards whose content is no JSON object: named",
}
"""Every name with its meaning."""
