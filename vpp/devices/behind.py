"""Limits of the market and of the grid operator on one device: the stricter holds, the other is kept behind it.

Each keeps its own source, end and events. When the one in force ends, the other comes forward.
"""

from collections.abc import Callable, Collection, Mapping
from datetime import datetime

from vpp.devices.orders import Journal, Key, Order
from vpp.domain import Clock, Message, Setpoint, SetpointKind, SetpointState, said, utc

S = SetpointState


def by(order: Order) -> Message:
    """What took the place of another."""
    return said("by %(id)s from %(issuer)s", id=f"{order.setpoint.id}", issuer=order.setpoint.issuer)


def was_valid(order: Order) -> Message:
    return said("valid until %(until_utc)s UTC", until_utc=utc(order.setpoint.expires_at))


def stronger_than(setpoint: Setpoint, held: Order, now: datetime) -> Message | None:
    """Words for an order in force that this setpoint may not replace; None: it may."""
    if held.ending or held.setpoint.expires_at <= now:
        return None
    if held.setpoint.priority >= setpoint.priority:
        return None
    return said("%(held_order)s is in force with the stronger priority %(priority)s", held_order=held.words,
                priority=held.setpoint.priority.name)  # fmt: skip


class Behind:
    """At most one order per device and setpoint, always of the other authority than the one in force."""

    def __init__(self, clock: Clock) -> None:
        self._clock, self._orders = clock, dict[Key, Order]()

    @property
    def orders(self) -> Mapping[Key, Order]:
        return self._orders

    def holds(self, key: Key) -> bool:
        """Whether something would come forward."""
        return (order := self._orders.get(key)) is not None and self._lives(order)

    def take(self, key: Key) -> Order | None:
        """What comes forward now that the order in force has ended."""
        order = self._orders.pop(key, None)
        return order if order is not None and self._lives(order) else None

    def stricter(self, order: Order, held: Order | None) -> Order:
        """Of two orders of before a restart the one that holds; a limit of the other authority is kept behind it."""
        if held is None or not self._rivals(order, held):
            return order
        first, second = (held, order) if held.value <= order.value else (order, held)
        self._orders[order.key] = second
        return first

    def sorted_in(self, order: Order, held: Order | None, journal: Journal) -> Order | None:
        """Which order holds with a new limit beside `held`; None: there is no limit of the other authority.

        When the new one is the strictest, it still has to take the place of `held`.
        """
        behind = self._orders.get(order.key)
        other = next((o for o in (held, behind) if o and self._lives(o) and self._rivals(order, o)), None)
        if other is None:
            if behind is not None and self._lives(behind):  # what is in force beside it is ending
                del self._orders[order.key]
                journal.state(behind, S.SUPERSEDED, by(order))
            return None
        own = behind if other is held else held
        if own is not None and (own is behind or other.value <= order.value) and self._lives(own):
            journal.state(own, S.SUPERSEDED, by(order))
        first, second = (other, order) if other.value <= order.value else (order, other)
        self._orders[order.key] = second
        if second is order or other is held:
            second.verified_at, second.effect_by, second.at = None, None, None
            why = said("kept behind the stricter %(first_order)s from %(issuer)s", first_order=first.words,
                       issuer=first.setpoint.issuer)  # fmt: skip
            journal.state(second, S.VALIDATED, why)
        return first

    def expire(self, journal: Journal) -> None:
        """End what is past its time."""
        for key, order in list(self._orders.items()):
            if not self._lives(order):
                del self._orders[key]
                journal.state(order, S.EXPIRED, was_valid(order))
                journal.state(order, S.RELEASED, said("it was kept behind a stricter limit"))

    def withdraw(self, keys: Collection[Key], reason: str, whose: Callable[[Setpoint], bool], journal: Journal) -> None:
        for key in set(keys) & set(self._orders):
            if whose(self._orders[key].setpoint):
                why = said("%(reason)s; it was kept behind a stricter limit", reason=reason)
                journal.state(self._orders.pop(key), S.RELEASED, why)

    def _lives(self, order: Order) -> bool:
        return not order.ending and order.setpoint.expires_at > self._clock.now()

    @staticmethod
    def _rivals(one: Order, other: Order) -> bool:
        limits = one.command.kind is SetpointKind.LIMIT and other.command.kind is SetpointKind.LIMIT
        return limits and one.is_of_the_grid != other.is_of_the_grid
