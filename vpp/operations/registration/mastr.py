"""Numbers of the German register of plants (Marktstammdatenregister, MaStR): form and check digit.

Three letters say what it is (SEE: a unit that generates or stores …), then twelve digits: a 9 as version, ten random
ones, and a check digit by the rule of EAN: weights 3, 1, 3, … from the left, filled up to the next ten. Sources:
Bundesnetzagentur, MaStR-Nummernkonzept; help of the register's web portal, "Migrierte Anlagendaten" (SME).
"""

import re

UNITS = ("SEE", "SME", "SVE", "SSE", "EEG", "KWK", "SEL")
"""What may stand for a device: units that generate (SEE, also batteries), those taken over from the registers before
(SME: Strom, migrierte Einheit), that consume (SVE), storage (SSE), plants under EEG and KWKG, their locations (SEL).
Not a permit (SGE), a grid (SNE) or anybody in the market (ABR, SNB …)."""
_FORM = re.compile(r"([A-Z]{3})([0-9]{12})")


def tidy(given: str) -> str:
    """As it is written officially: without spaces and hyphens, in capitals."""
    return re.sub(r"[\s\-.]", "", given).upper()


def check_digit(digits: str) -> int:
    """Of the digits before it."""
    return -sum((3 if n % 2 == 0 else 1) * int(d) for n, d in enumerate(digits)) % 10


def problem_of(number: str) -> str | None:
    """What is wrong with a number, one word: form, kind or check; None: nothing."""
    found = _FORM.fullmatch(tidy(number))
    if found is None or not found[2].startswith("9"):
        return "form"
    if found[1] not in UNITS:
        return "kind"
    return None if check_digit(found[2][:-1]) == int(found[2][-1]) else "check"
