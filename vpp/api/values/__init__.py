"""What comes in and goes out: units in names, times with offset, nothing beyond what is named."""

from vpp.api.values.assets import Asset, Earned, NewAsset, NewCommissioning, NewProbe, Profile, Protocol, Reading
from vpp.api.values.basics import Instant, Name, Page, Text
from vpp.api.values.decisions import NewLimit, NewOverride, NewRelease, Override
from vpp.api.values.desk import (
    CaseResult,
    DeskCase,
    DeskStudy,
    Energy,
    NewDeskStudy,
    NewDeskStudyAnswer,
    Variant,
)
from vpp.api.values.people import (
    Activity,
    Erased,
    LogIn,
    NewPerson,
    NewToken,
    Owner,
    Person,
    Session,
    SetUp,
    Token,
    TokenSecret,
)
from vpp.api.values.plans import (
    Deviation,
    Dispatch,
    Event,
    Forecast,
    Position,
    Price,
    Reason,
    Run,
    RunDetails,
    Scheduled,
    Series,
    Setpoint,
    SetpointDetails,
)
from vpp.api.values.work import Entry, Health, Imported, Job, NewExport, NewStudy, Status, Study
from vpp.domain.finite import finite

__all__ = [
    "Activity", "Asset", "CaseResult", "DeskCase", "DeskStudy", "Deviation", "Dispatch", "Earned", "Energy",
    "Entry", "Erased", "Event", "Forecast", "Health", "Imported", "Instant", "Job", "LogIn", "Name", "NewAsset",
    "NewCommissioning", "NewDeskStudy", "NewDeskStudyAnswer", "NewExport", "NewLimit", "NewOverride", "NewPerson",
    "NewProbe", "NewRelease", "NewStudy", "NewToken", "Override", "Owner", "Page", "Person", "Position", "Price",
    "Profile", "Protocol", "Reading", "Reason", "Run", "RunDetails", "Scheduled", "Series", "Session", "SetUp",
    "Setpoint", "SetpointDetails", "Status", "Study", "Text", "Token", "TokenSecret", "Variant", "finite",
]  # fmt: skip
