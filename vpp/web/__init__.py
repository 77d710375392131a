"""Pages for people, beside the API and on the same functions; `vpp.web.app.add_pages` adds them."""
