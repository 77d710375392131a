"""Plain frozen types; no I/O."""

from vpp.domain.asset import AssetType, Columns, Rules, Schedule, Simulator, Site, Surroundings, Together
from vpp.domain.case import PENALTY_FACTORS, Cap, Carrier, Case, Headroom, Market, Node, Penalties, Unit
from vpp.domain.clock import Clock, FastClock, SteppedClock, WallClock
from vpp.domain.columns import Array, Column, Kind, Series
from vpp.domain.field import (
    Judgement,
    Priority,
    Quality,
    Reading,
    Setpoint,
    SetpointEvent,
    SetpointKind,
    SetpointState,
    Verdict,
)
from vpp.domain.message import Message, maybe_message, message_from, messages_from, said, together, utc
from vpp.domain.mistake import Mistake, Mistakes, nearest
from vpp.domain.plan import Deviation, Label, Limit, Plan, Reason, Violation, because
from vpp.domain.position import Commitment, beyond_day_ahead, commitment, imbalance_prices
from vpp.domain.shape import FlexibleFlow, HeatStorage, HeatUnit, HeatUse, Runs, Shape, Stays, Store
from vpp.domain.time import MARKET_ZONE, QUARTER, Horizon, market_day, quarter_of

__all__ = [
    "MARKET_ZONE", "PENALTY_FACTORS", "QUARTER", "Array", "AssetType", "Cap", "Carrier", "Case", "Clock", "Column",
    "Columns", "Commitment", "Deviation", "FastClock", "FlexibleFlow", "Headroom", "HeatStorage", "HeatUnit",
    "HeatUse", "Horizon", "Judgement", "Kind", "Label", "Limit", "Market", "Message", "Mistake", "Mistakes", "Node",
    "Penalties", "Plan", "Priority", "Quality", "Reading", "Reason", "Rules", "Runs", "Schedule", "Series", "Setpoint",
    "SetpointEvent", "SetpointKind", "SetpointState", "Shape", "Simulator", "Site", "Stays", "SteppedClock", "Store",
    "Surroundings", "Together", "Unit", "Verdict", "Violation", "WallClock", "because", "beyond_day_ahead",
    "commitment", "imbalance_prices", "market_day", "maybe_message", "message_from", "messages_from", "nearest",
    "quarter_of", "said", "together", "utc",
]  # fmt: skip
