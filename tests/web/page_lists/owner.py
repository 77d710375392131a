"""Pages of owners, with a device, a pause and a draft behind them."""

from tests.web.owner_pages import draft, page_of_device
from tests.web.page_lists import Seen

PAGES = [
    Seen("owner-home", "/my", "owner"),
    Seen("owner-data", "/my-data", "owner"),
    Seen("register-type", "/register", "owner"),
    Seen("register-connection", draft("connection"), "owner"),
    Seen("register-limits", draft("limits"), "owner"),
    Seen("register-agreement", draft("agreement"), "owner"),
    Seen("register-probe", draft("probe", "unprobed"), "owner"),
    Seen("register-probe-not-found", draft("probe", "silent"), "owner"),
    Seen("register-test", draft("test", "found"), "owner"),
    Seen("register-confirmation", draft("confirmation", "confirmed"), "owner"),
    Seen("owner-device", page_of_device(""), "owner"),
    Seen("owner-limits", page_of_device("/limits"), "owner"),
    Seen("owner-pause", page_of_device("/pause"), "owner"),
    Seen("owner-pause-too-late", page_of_device("/pause?until=2020-01-01T00:00"), "owner", 422),
    Seen("owner-foreign", "/my/devices/battery-h01", "owner", 404),
]
