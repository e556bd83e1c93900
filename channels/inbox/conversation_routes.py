"""The addresses of a conversation: its page, the parts that load themselves, and what its composer does."""

from channels.inbox import composer_page, conversation_page, files_page, owner_page, templates_page
from channels.inbox.files_page import MAX_FILE
from channels.inbox.pages import Page

CONVERSATION = "/inbox/conversations/{id}"
CONVERSATION_PAGES = (
    Page(method="GET", path="/inbox/conversations", answer=conversation_page.show_list),
    Page(method="GET", path=CONVERSATION, answer=conversation_page.show),
    Page(method="GET", path=f"{CONVERSATION}/head", answer=conversation_page.show_head),
    Page(method="GET", path=f"{CONVERSATION}/timeline", answer=conversation_page.show_timeline),
    Page(method="GET", path=f"{CONVERSATION}/earlier", answer=conversation_page.show_earlier),
    Page(method="GET", path="/inbox/messages/{id}/original", answer=conversation_page.show_original),
    Page(method="GET", path="/inbox/media/{id}", answer=conversation_page.open_media),
    Page(method="POST", path=f"{CONVERSATION}/presence", answer=composer_page.show_presence),
    Page(method="GET", path=f"{CONVERSATION}/drafts", answer=composer_page.show_drafts, role="reviewer"),
    Page(method="GET", path=f"{CONVERSATION}/inserts", answer=composer_page.show_inserts, role="reviewer"),
    Page(method="POST", path=f"{CONVERSATION}/files", answer=files_page.take_file, role="reviewer", max_bytes=MAX_FILE),
    Page(method="GET", path=f"{CONVERSATION}/templates", answer=templates_page.show_templates, role="reviewer"),
    Page(method="POST", path=f"{CONVERSATION}/template", answer=templates_page.send_chosen, role="reviewer"),
    Page(method="POST", path=f"{CONVERSATION}/writing", answer=composer_page.note_writing, role="reviewer"),
    Page(method="POST", path=f"{CONVERSATION}/send", answer=composer_page.send, role="reviewer"),
    Page(method="POST", path=f"{CONVERSATION}/note", answer=composer_page.keep_note, role="reviewer"),
    Page(method="POST", path=f"{CONVERSATION}/take-over", answer=owner_page.take, role="reviewer"),
    Page(method="POST", path=f"{CONVERSATION}/hand-back", answer=owner_page.give_back, role="reviewer"),
    Page(method="POST", path="/inbox/messages/{id}/undo", answer=composer_page.undo, role="reviewer"),
)
