"""Pages of everybody."""

from tests.web.page_lists import Seen

PAGES = [
    Seen("login", "/login"),
    Seen("accessibility", "/accessibility"),
    Seen("offline", "/offline"),
    Seen("account", "/account", "viewer"),
    Seen("not-there", "/nowhere", "viewer", 404),
]
