"""Templates to answers: with words, theme, navigation and the token that forms carry."""

from functools import cache
from typing import Any
from urllib.parse import urlsplit

from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse
from jinja2 import Environment, PackageLoader, StrictUndefined

from vpp.web.kinds import colour, kind_name
from vpp.web.navigation import SAID, navigation
from vpp.web.plan_words import LABEL_MEANS, LABELS
from vpp.web.static_files import url_of
from vpp.web.visitor import csrf_of, theme, words
from vpp.web.words import iso, words_of


@cache
def environment(language: str) -> Environment:
    """Of one language; escapes everything."""
    found = Environment(
        loader=PackageLoader("vpp.web"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True, auto_reload=False, extensions=["jinja2.ext.i18n", "jinja2.ext.do"],
    )  # fmt: skip
    words = words_of(language)
    found.install_gettext_callables(  # type: ignore[attr-defined]
        words.gettext, lambda one, many, n: words.ngettext(one, many, n), newstyle=True
    )
    found.policies["ext.i18n.trimmed"] = True
    more: dict[str, Any] = {
        **words.helpers(), "words": words, "language": language, "static": url_of, "iso": iso, "colour": colour,
        "labels": LABELS, "label_means": LABEL_MEANS,
        "kind_name": lambda kind, many=False: words.gettext(kind_name(str(kind), many=bool(many))),
    }  # fmt: skip
    found.globals.update(more)
    return found


def fragment(language: str, template: str, **values: Any) -> str:
    """A piece of a page that is the same for everybody."""
    return environment(language).get_template(template).render(**values)


def page(request: Request, template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
    """A whole page. Templates extend `base.html` and get: who, csrf, path, said and what is passed."""
    language = words(request).language
    who = getattr(request.state, "who", None)
    around = {
        "who": who, "csrf": csrf_of(request), "path": request.url.path, "theme": theme(request),
        "navigation": navigation(who), "said": SAID.get(request.query_params.get("said", "")),
        "here": f"{request.url.path}{'?' + request.url.query if request.url.query else ''}",
    }  # fmt: skip
    html = environment(language).get_template(template).render({**around, **values})
    return HTMLResponse(html, status, headers={"Content-Language": language, "Vary": "Cookie, Accept-Language"})


def go(path: str, said: str | None = None, **query: str) -> RedirectResponse:
    """After a form: to a page, which then says what was done (a key of `navigation.SAID`)."""
    from urllib.parse import urlencode

    given = {**query, **({"said": said} if said else {})}
    return RedirectResponse(f"{path}?{urlencode(given)}" if given else path, 303)


def own_path(given: str | None, otherwise: str = "/") -> str:
    """A path of ours to go to; never another site's."""
    parts = urlsplit(given or "")
    ours = given and not parts.scheme and not parts.netloc and given.startswith("/") and not given.startswith("//")
    return given if ours and given and "\\" not in given else otherwise
