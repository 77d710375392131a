"""What an owner agrees to, in plain words. A text is never changed: a new one gets a new version."""

from collections.abc import Mapping
from dataclasses import dataclass

VERSION = "2026-11-25"


@dataclass(frozen=True, slots=True)
class Section:
    heading: str
    sentences: tuple[str, ...]


_DE = (
    Section("Worum es geht", (
        "Ihr Gerät hilft mit, Strom und Wärme in der Stadt gut zu verteilen.",
        "Dazu rechnet ein Programm des Stadtwerks aus, wann Ihr Gerät laufen soll.",
    )),
    Section("Was wir tun dürfen", (
        "Wir lesen Messwerte Ihres Geräts: zum Beispiel Leistung und Ladestand.",
        "Wir schicken Ihrem Gerät Aufträge. Jeder Auftrag gilt nur kurze Zeit.",
        "Kommt kein neuer Auftrag, macht Ihr Gerät wieder, was es von selbst tut.",
        "Wir halten Ihre Grenzen ein. Sie stehen in dieser Bestätigung.",
        "Nur der Netzbetreiber darf in einem Notfall mehr verlangen. Das steht im Gesetz.",
    )),
    Section("Was Sie dürfen", (
        "Sie dürfen Ihr Gerät jederzeit pausieren. Sie müssen keinen Grund nennen.",
        "Sie dürfen Ihre Grenzen jederzeit ändern.",
        "Sie dürfen jederzeit aufhören. Es kostet nichts, aufzuhören.",
        "Sie dürfen Ihre Daten mitnehmen oder löschen lassen.",
    )),
    Section("Ihre Daten", (
        "Die Messwerte gehören Ihnen. Sie bleiben auf den Rechnern des Stadtwerks.",
        "Andere Kundinnen und Kunden sehen sie nicht.",
        "Wir verkaufen sie nicht und geben sie nicht weiter.",
    )),
    Section("Was Sie bekommen", (
        "Auf Ihrer Seite sehen Sie, was Ihr Gerät tut, warum, und was es bringt.",
        "Die Beträge dort sind berechnet, keine Abrechnung. Es gilt Ihr Vertrag mit dem Stadtwerk.",
    )),
)  # fmt: skip
_EN = (
    Section("What this is about", (
        "Your device helps to share out electricity and heat well in the city.",
        "A program of the utility works out when your device should run.",
    )),
    Section("What we may do", (
        "We read measured values of your device, such as its power and its charge.",
        "We send orders to your device. Each order holds for a short time only.",
        "When no new order comes, your device does again what it does by itself.",
        "We keep to your limits. They are written in this confirmation.",
        "Only the grid operator may ask for more in an emergency. The law says so.",
    )),
    Section("What you may do", (
        "You may pause your device at any time. You need not give a reason.",
        "You may change your limits at any time.",
        "You may stop at any time. Stopping costs nothing.",
        "You may take your data away, or have them erased.",
    )),
    Section("Your data", (
        "The measured values are yours. They stay on the utility's computers.",
        "Other customers do not see them.",
        "We do not sell them and do not pass them on.",
    )),
    Section("What you get", (
        "On your page you see what your device does, why, and what it brings.",
        "The amounts there are calculated, they are no invoice. Your contract with the utility counts.",
    )),
)  # fmt: skip
TEXTS: Mapping[str, tuple[Section, ...]] = {"de": _DE, "en": _EN}


def as_text(language: str) -> str:
    """Word for word, as it is kept."""
    parts = [f"{s.heading}\n" + "\n".join(f"- {each}" for each in s.sentences) for s in TEXTS[language]]
    return "\n\n".join(parts)
