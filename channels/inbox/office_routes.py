"""Addresses of contacts, catalogue, settings, members, audit log and one's own profile."""

from channels.inbox import (
    audit_page,
    canned_page,
    catalogue_page,
    changes_page,
    contacts_page,
    me_page,
    members_page,
    settings_page,
)
from channels.inbox.pages import Page

OFFICE_PAGES = (
    Page(method="GET", path="/inbox/contacts", answer=contacts_page.list_page),
    Page(method="GET", path="/inbox/contacts/{contact}", answer=contacts_page.show),
    Page(method="POST", path="/inbox/contacts/{contact}/merge", answer=contacts_page.merge, role="reviewer"),
    Page(method="POST", path="/inbox/contacts/{contact}/unmerge", answer=contacts_page.unmerge, role="reviewer"),
    Page(method="GET", path="/inbox/contacts/{contact}/export", answer=contacts_page.export, role="manager"),
    Page(method="POST", path="/inbox/contacts/{contact}/erase", answer=contacts_page.erase, role="manager"),
    Page(method="GET", path="/inbox/catalogue", answer=catalogue_page.show),
    Page(method="GET", path="/inbox/catalogue/items/{sku}", answer=catalogue_page.show_item),
    Page(method="POST", path="/inbox/catalogue/items/{sku}", answer=catalogue_page.save_item, role="manager"),
    Page(
        method="POST",
        path="/inbox/catalogue/items/{sku}/preview",
        answer=catalogue_page.preview_item,
        role="manager",
    ),
    Page(method="GET", path="/inbox/catalogue/{kind}/{key}", answer=catalogue_page.show_passage),
    Page(method="POST", path="/inbox/catalogue/{kind}/{key}", answer=catalogue_page.save_passage, role="manager"),
    Page(method="GET", path="/inbox/changes", answer=changes_page.show),
    Page(method="POST", path="/inbox/changes/{change}/restore", answer=changes_page.restore, role="manager"),
    Page(method="GET", path="/inbox/settings", answer=settings_page.show_hours, role="manager"),
    Page(method="POST", path="/inbox/settings", answer=settings_page.save_hours, role="manager"),
    Page(method="GET", path="/inbox/settings/behaviour", answer=settings_page.show_behaviour, role="manager"),
    Page(method="POST", path="/inbox/settings/behaviour", answer=settings_page.save_behaviour, role="manager"),
    Page(method="GET", path="/inbox/settings/business", answer=settings_page.show_business, role="manager"),
    Page(method="POST", path="/inbox/settings/business", answer=settings_page.save_business, role="manager"),
    Page(method="GET", path="/inbox/settings/canned", answer=canned_page.show, role="manager"),
    Page(method="POST", path="/inbox/settings/canned", answer=canned_page.save, role="manager"),
    Page(method="GET", path="/inbox/settings/members", answer=members_page.show, role="manager"),
    Page(method="POST", path="/inbox/settings/members", answer=members_page.add, role="manager"),
    Page(method="POST", path="/inbox/settings/members/{member}", answer=members_page.change, role="manager"),
    Page(method="GET", path="/inbox/settings/audit", answer=audit_page.show, role="manager"),
    Page(method="GET", path="/inbox/settings/audit/export", answer=audit_page.export, role="manager"),
    Page(method="GET", path="/inbox/me", answer=me_page.show),
    Page(method="POST", path="/inbox/me", answer=me_page.save),
    Page(method="POST", path="/inbox/me/sessions/{session}/end", answer=me_page.end_session),
)
"""With the least role for each."""
