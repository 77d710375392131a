"""The words of the report, in English and German. Every key is in both; a test says so."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import isfinite

from vpp.operations.report.wording import german, number
from vpp.operations.study.summary import Spread

SHARES = ("self_sufficiency", "own_use", "gap")
"""Told in percent."""
DECIMALS = {"_eur": 2, "_kwh": 1, "_kw": 1, "_t": 3, "starts": 0, "cycles": 2, "gap": 2, "": 1}
"""By the end of a figure's name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    language: str
    number: Callable[[float, int], str]
    figures: Mapping[str, str]
    causes: Mapping[str, str]
    texts: Mapping[str, str]
    months: tuple[str, ...]

    def __getitem__(self, key: str) -> str:
        return self.texts[key]

    def figure(self, key: str, spread: Spread) -> str:
        """A value of the comparison, in the unit of its name, with as many decimals for all variants."""
        if not isfinite(spread.mean):
            return "–"
        factor, decimals = 100.0 if key in SHARES else 1.0, next(n for end, n in DECIMALS.items() if key.endswith(end))
        around = f" ± {self.number(factor * spread.deviation, decimals)}" if spread.deviation else ""
        return self.number(factor * spread.mean, decimals) + around

    def cause(self, key: str) -> str:
        return self.causes.get(key, key.replace("_", " "))


EN = Words(
    language="en",
    number=number,
    figures={
        "total_eur": "Total with investment, EUR",
        "cost_eur": "Cost of operation, EUR",
        "investment_eur": "Investment, share of the year, EUR",
        "savings_eur": "Savings against the base, EUR",
        "expenses_eur": "Expenses, EUR",
        "revenue_eur": "Revenue, EUR",
        "co2_location_t": "CO₂, location-based, t",
        "co2_marginal_t": "CO₂, marginal, t",
        "self_sufficiency": "Self-sufficiency, %",
        "own_use": "Own use of generation, %",
        "import_kwh": "Drawn from the grid, kWh",
        "export_kwh": "Delivered to the grid, kWh",
        "peak_import_kw": "Highest draw, kW",
        "peak_export_kw": "Highest delivery, kW",
        "hours_at_limits": "Hours at grid limits, h",
        "curtailed_kwh": "Curtailed, kWh",
        "starts": "Starts",
        "battery_cycles": "Full cycles of the batteries",
        "battery_left_kwh": "More in the batteries at the end, kWh",
        "heat_left_kwh": "More in the heat stores at the end, kWh",
        "wear_eur": "Wear of the batteries, EUR",
        "heat_not_served_kwh": "Heat not served, kWh",
        "load_shed_kwh": "Load shed, kWh",
        "limit_broken_kwh": "Beyond grid limits, kWh",
        "gap_eur": "Not proven, EUR",
        "gap": "Not proven of the cost, %",
    },
    causes={
        "purchase": "Purchase",
        "sale": "Sale",
        "imbalance": "Imbalance",
        "grid_fee": "Grid fee",
        "fuel": "Fuel",
        "start": "Starts",
        "wear": "Battery wear",
        "co2": "CO2 price",
        "feed_in": "Feed-in payment",
        "peak": "Peak price",
        "shed": "Shed load",
        "investment": "Investment",
    },
    texts={
        "kicker": "Virtual power plant · study",
        "base": "As it is",
        "skip": "Skip to the content",
        "period": "{first} to {last}, {days} days, {seeds} seeds",
        "short": "In short",
        "short_text": "{variants} variants were computed over {days} days. The cheapest is “{best}” at {total} "
        "EUR, investment included; the base costs {base} EUR.",
        "short_saves": "“{best}” saves {saves} EUR against the base in this period.",
        "short_base": "No variant is cheaper than the base.",
        "short_co2": "Its emissions are {co2} t of CO2 (location-based) against {co2_base} t.",
        "table": "Variants side by side",
        "table_note": "Means over the seeds; ± is the sample standard deviation where there are several.",
        "difference": "Why the cost differs: {second} against {first}",
        "difference_finding": "The difference is {eur} EUR. Largest cause: {cause}, {part} EUR.",
        "difference_none": "The two cost the same.",
        "cause": "Cause",
        "duration": "Load duration",
        "duration_finding": "The highest draw is {base} kW in the base and {best} kW in “{name}”.",
        "duration_text": "Net draw from the grid, every step of the period sorted from the highest to the lowest.",
        "share": "Share of the time",
        "heat_map": "Draw and delivery through the period: {name}",
        "heat_map_text": "Days from left to right, hours of the day from top to bottom. Green is drawn from the grid, "
        "ochre delivered to it; the stronger, the more.",
        "heat_map_table": "Mean net draw by month and hour, kW",
        "hour": "Hour",
        "sites": "Where the grid is tight",
        "sites_none": "No limit was reached in the base.",
        "site_columns": "Node|Hours at its limit|Worth of the next kW, EUR|Worth of the next kWh of battery, EUR|"
        "Best relief|Hours then|EUR per hour less",
        "none": "none",
        "hosting": "How much more fits",
        "hosting_columns": "Node|Asset|Fits, kW|What then stands in the way",
        "grid": "Voltages and loadings in the worst hours",
        "grid_kept": "In the hours with the largest draw and delivery all voltages and loadings keep their limits.",
        "grid_broken": "Values beyond their limits in the hours with the largest draw and delivery: {broken}.",
        "grid_columns": "Variant|Lowest voltage|Highest voltage|Highest loading of a line|"
        "Highest loading of a transformer|Beyond limits",
        "grid_beyond": "Beyond their limits",
        "grid_beyond_columns": "Variant|What|Name|Value|Allowed|When",
        "grid_bus": "Voltage",
        "grid_line": "Loading of a line",
        "grid_transformer": "Loading of a transformer",
        "grid_time": "%Y-%m-%d %H:%M",
        "grid_note": "AC power flow with what the plan does at each bus, in percent of the rated value. Power factors "
        "are assumed.",
        "groups": "Owner groups",
        "group_columns": "Variant|Group|Drawn, kWh|Delivered, kWh|Energy, EUR|Fuel, EUR|Wear, EUR",
        "groups_note": "Energy at the tariff: what the group draws at buying price and grid fee, what it delivers at "
        "the selling price. A group is what the case says; without groups, everything behind one transformer.",
        "types": "Devices",
        "type_columns": "Variant|Type|Number|Full-load hours a day|Starts|Cycles a day|Curtailed, kWh",
        "made": "How it was made",
        "made_text": "Every day was planned with the model that runs the city. Solves stop on a gap of {gap} of the "
        "day's cost, or {gap_eur} EUR a day, never on a clock: the same study gives the same numbers. Study file, "
        "model version, inputs and seeds are in manifest.json (inputs {inputs}, model {model}).",
        "sources": "Data",
        "data_table": "Data table",
        "limit_note": "Not proven is the distance to a proven lower bound: nothing can be cheaper by more than this.",
        "variant": "Variant",
    },
    months=("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
)

DE = Words(
    language="de",
    number=german,
    figures={
        "total_eur": "Gesamt mit Investition, EUR",
        "cost_eur": "Betriebskosten, EUR",
        "investment_eur": "Investition, Anteil des Jahres, EUR",
        "savings_eur": "Ersparnis gegenüber heute, EUR",
        "expenses_eur": "Ausgaben, EUR",
        "revenue_eur": "Erlöse, EUR",
        "co2_location_t": "CO₂, standortbezogen, t",
        "co2_marginal_t": "CO₂, marginal, t",
        "self_sufficiency": "Autarkie, %",
        "own_use": "Eigenverbrauch der Erzeugung, %",
        "import_kwh": "Netzbezug, kWh",
        "export_kwh": "Einspeisung, kWh",
        "peak_import_kw": "Höchster Bezug, kW",
        "peak_export_kw": "Höchste Einspeisung, kW",
        "hours_at_limits": "Stunden an Netzgrenzen, h",
        "curtailed_kwh": "Abgeregelt, kWh",
        "starts": "Starts",
        "battery_cycles": "Vollzyklen der Batterien",
        "battery_left_kwh": "Am Ende mehr in den Batterien, kWh",
        "heat_left_kwh": "Am Ende mehr in den Wärmespeichern, kWh",
        "wear_eur": "Verschleiß der Batterien, EUR",
        "heat_not_served_kwh": "Nicht gedeckte Wärme, kWh",
        "load_shed_kwh": "Abgeworfene Last, kWh",
        "limit_broken_kwh": "Über Netzgrenzen, kWh",
        "gap_eur": "Nicht bewiesen, EUR",
        "gap": "Nicht bewiesen von den Kosten, %",
    },
    causes={
        "purchase": "Einkauf",
        "sale": "Verkauf",
        "imbalance": "Ausgleichsenergie",
        "grid_fee": "Netzentgelt",
        "fuel": "Brennstoff",
        "start": "Starts",
        "wear": "Batterieverschleiß",
        "co2": "CO2-Preis",
        "feed_in": "Einspeisevergütung",
        "peak": "Leistungspreis",
        "shed": "Abgeworfene Last",
        "investment": "Investition",
    },
    texts={
        "kicker": "Virtuelles Kraftwerk · Studie",
        "base": "Wie heute",
        "skip": "Zum Inhalt springen",
        "period": "{first} bis {last}, {days} Tage, Zufallszahlen: {seeds}",
        "short": "Das Wichtigste",
        "short_text": "{variants} Varianten wurden über {days} Tage gerechnet. Am günstigsten ist „{best}“ mit {total} "
        "EUR einschließlich Investition; heute kostet der Betrieb {base} EUR.",
        "short_saves": "„{best}“ spart in diesem Zeitraum {saves} EUR gegenüber heute.",
        "short_base": "Keine Variante ist günstiger als der heutige Stand.",
        "short_co2": "Sie verursacht {co2} t CO2 (standortbezogen), heute sind es {co2_base} t.",
        "table": "Die Varianten im Vergleich",
        "table_note": "Mittelwerte; ± ist die Standardabweichung der Stichprobe, wo mehrfach gezogen wurde.",
        "difference": "Woher der Unterschied kommt: {second} gegenüber {first}",
        "difference_finding": "Der Unterschied beträgt {eur} EUR. Größte Ursache: {cause}, {part} EUR.",
        "difference_none": "Beide kosten gleich viel.",
        "cause": "Ursache",
        "duration": "Dauerlinie",
        "duration_finding": "Der höchste Bezug beträgt heute {base} kW und in „{name}“ {best} kW.",
        "duration_text": "Bezug aus dem Netz, alle Zeitschritte vom höchsten zum niedrigsten geordnet.",
        "share": "Anteil der Zeit",
        "heat_map": "Bezug und Einspeisung im Verlauf: {name}",
        "heat_map_text": "Tage von links nach rechts, Stunden von oben nach unten. Grün: Bezug aus dem Netz, ocker: "
        "Einspeisung; je kräftiger, desto mehr.",
        "heat_map_table": "Mittlerer Bezug nach Monat und Stunde, kW",
        "hour": "Stunde",
        "sites": "Wo das Netz eng ist",
        "sites_none": "Heute wird keine Grenze erreicht.",
        "site_columns": "Knoten|Stunden an der Grenze|Wert des nächsten kW, EUR|Wert der nächsten kWh Speicher, EUR|"
        "Beste Entlastung|Stunden dann|EUR je Stunde weniger",
        "none": "keine",
        "hosting": "Wie viel noch passt",
        "hosting_columns": "Knoten|Anlage|Passt, kW|Was dann im Weg steht",
        "grid": "Spannungen und Auslastungen in den schwersten Stunden",
        "grid_kept": "In den Stunden mit dem größten Bezug und der größten Einspeisung bleiben alle Spannungen und "
        "Auslastungen in ihren Grenzen.",
        "grid_broken": "Werte außerhalb ihrer Grenzen in den Stunden mit dem größten Bezug und der größten "
        "Einspeisung: {broken}.",
        "grid_columns": "Variante|Niedrigste Spannung|Höchste Spannung|Höchste Auslastung einer Leitung|"
        "Höchste Auslastung eines Transformators|Außerhalb der Grenzen",
        "grid_beyond": "Außerhalb der Grenzen",
        "grid_beyond_columns": "Variante|Was|Name|Wert|Erlaubt|Wann",
        "grid_bus": "Spannung",
        "grid_line": "Auslastung einer Leitung",
        "grid_transformer": "Auslastung eines Transformators",
        "grid_time": "%d.%m.%Y %H:%M",
        "grid_note": "AC-Lastfluss mit dem, was der Plan an jedem Knoten tut, in Prozent des Nennwerts. "
        "Leistungsfaktoren sind angenommen.",
        "groups": "Gruppen von Eigentümern",
        "group_columns": "Variante|Gruppe|Bezug, kWh|Einspeisung, kWh|Energie, EUR|Brennstoff, EUR|Verschleiß, EUR",
        "groups_note": "Energie zum Tarif: Bezug zum Einkaufspreis mit Netzentgelt, Einspeisung zum Verkaufspreis. Die "
        "Gruppen nennt der Fall; ohne Gruppen ist es alles hinter einem Transformator.",
        "types": "Anlagen",
        "type_columns": "Variante|Art|Anzahl|Volllaststunden am Tag|Starts|Zyklen am Tag|Abgeregelt, kWh",
        "made": "Wie gerechnet wurde",
        "made_text": "Jeder Tag wurde mit dem Modell geplant, das auch die Stadt betreibt. Gerechnet wird, bis "
        "höchstens {gap} der Tageskosten oder {gap_eur} EUR am Tag unbewiesen sind, nie bis zu einer Uhrzeit: Dieselbe "
        "Studie ergibt dieselben Zahlen. Studie, Modellversion, Eingaben und Zufallszahlen stehen in manifest.json "
        "(Eingaben {inputs}, Modell {model}).",
        "sources": "Daten",
        "data_table": "Tabelle",
        "limit_note": "Nicht bewiesen ist der Abstand zu einer bewiesenen unteren Schranke: Kein Betrieb kann um mehr "
        "als diesen Betrag günstiger sein.",
        "variant": "Variante",
    },
    months=("Jan", "Feb", "Mär", "Apr", "Mai", "Jun", "Jul", "Aug", "Sep", "Okt", "Nov", "Dez"),
)

LANGUAGES = (DE, EN)
