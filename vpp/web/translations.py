"""The catalogue: English sentences in code and templates, their translations in `locale/LANGUAGE/*.po`.

The files are read as they are when the pages start, so there is nothing to compile. Each group of pages has a file of
its own. `python -m vpp.web.translations` says what is missing, unused or unfinished.
"""

import io
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from babel.messages import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import Translations

HERE = Path(__file__).parent
LANGUAGES = ("en", "de")
"""The first is what the sentences are written in; it needs no catalogue."""
KEYWORDS = {"_": None, "N_": None, "gettext": None, "ngettext": (1, 2)}
ROOT = HERE.parents[1]
BENEATH = (ROOT / "models", ROOT / "assets", ROOT / "vpp" / "operations", ROOT / "vpp" / "devices",
           ROOT / "vpp" / "sources")  # fmt: skip
"""Where sentences are made that pages say: each by `vpp.domain.said`."""
OF_THE_RECORD = ("field", "system", "case")
"""Files with what the system says; pages of one language know it again in the English record."""
METHODS = [("**.py", "python"), ("**.html", "jinja2.ext:babel_extract")]


def N_(sentence: str) -> str:
    """Mark a sentence that is translated later."""
    return sentence


@cache
def translations(language: str) -> Translations:
    """Every file of a language as one."""
    together = Catalog(locale=language)
    for catalog in catalogs(language).values():
        for message in catalog:
            if message.id:
                together[message.id] = Message(message.id, message.string)
    compiled = io.BytesIO()
    write_mo(compiled, together)
    compiled.seek(0)
    return Translations(compiled)


def catalogs(language: str) -> dict[str, Catalog]:
    """By name of the file."""
    found = dict[str, Catalog]()
    for path in sorted((HERE / "locale" / language).glob("*.po")):
        with path.open("rb") as file:
            found[path.stem] = read_po(file, locale=language)
    return found


@cache
def known(language: str, *files: str) -> frozenset[str]:
    """English sentences that this language has words for, in all its files or these; of several forms the first."""
    return frozenset(
        message.id if isinstance(message.id, str) else message.id[0]
        for file, catalog in catalogs(language).items() if not files or file in files
        for message in catalog if message.id
    )  # fmt: skip


def sentences() -> dict[str | tuple[str, ...], str]:
    """Everything that is to be translated, and the first place where it is said."""
    found = dict[str | tuple[str, ...], str]()
    options = {"**.html": {"extensions": "jinja2.ext.i18n,jinja2.ext.do", "trimmed": "true", "silent": "false"}}
    for file, line, said, *_ in extract_from_dir(HERE, METHODS, options, KEYWORDS):
        found.setdefault(said if isinstance(said, str) else tuple(said), f"{file}:{line}")
    for folder in BENEATH:
        for file, line, said, *_ in extract_from_dir(folder, METHODS[:1], keywords={"said": None}):
            found.setdefault(said if isinstance(said, str) else tuple(said), f"{folder.name}/{file}:{line}")
    return found


def problems(language: str) -> Iterator[str]:
    """What a translator has to do, a sentence each."""
    said, seen = sentences(), dict[str | tuple[str, ...], str]()
    for file, catalog in catalogs(language).items():
        for message in catalog:
            if not message.id:
                continue
            id = message.id if isinstance(message.id, str) else tuple(message.id)
            if id in seen:
                yield f"{language}/{file}.po: {id!r} is in {seen[id]}.po too"
            seen[id] = file
            if id not in said:
                yield f"{language}/{file}.po: {id!r} is used nowhere"
            strings = [message.string] if isinstance(message.string, str) else list(message.string or [""])
            if message.fuzzy or not all(strings):
                yield f"{language}/{file}.po: {id!r} has no translation"
            yield from (f"{language}/{file}.po: {id!r}: {error}" for error in message.check(catalog))
    yield from (f"{where}: {id!r} is in no file of {language}" for id, where in said.items() if id not in seen)


def main() -> None:
    found = [problem for language in LANGUAGES[1:] for problem in problems(language)]
    print("\n".join(found) or "nothing to do")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
