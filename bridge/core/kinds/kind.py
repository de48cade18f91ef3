"""What a kind of channel is made of: where it is found in a status, and how it is read there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto

from bridge.core.kinds.fields import Field, Table, described
from bridge.core.model import Json

Facts = Mapping[str, Json]
"""What the settings say of one component that its status does not: ranges, options, a type."""


class Form(Enum):
    """How a component stands in the status."""

    COMPONENT = auto()
    """Gen2+: an object under `<type>:<number>`."""
    SINGLE = auto()
    """An object under its name alone."""
    ARRAY = auto()
    """Gen1: an array, one channel a member."""
    NUMBERED = auto()
    """Gen1: an object `{"0": {…}, "1": {…}}`, one channel a member."""
    FLAT = auto()
    """Gen1: members of the status itself."""


@dataclass(frozen=True, slots=True)
class Companion:
    """Another component of the same form and number that is read into the same channel.

    It is a channel of its own where there is no component to belong to.
    """

    key: str
    table: Table
    is_shared: bool = False
    """The table reads the whole array, as `{key: […]}`."""


@dataclass(frozen=True, slots=True, eq=False)
class Origin:
    """One place of the status that a kind is read from, and the table that reads it.

    `key` is the name in the status; `flat` are all members that a FLAT origin reads.
    """

    generation: str
    key: str
    form: Form
    table: Table
    companions: tuple[Companion, ...] = ()
    flat: tuple[str, ...] = ()
    having: tuple[str, str] | None = None
    """A FLAT origin is there only if this member is an object that has that member."""
    needs: str = ""
    """A FLAT origin is there only if the status has this member."""
    after: str = ""
    """The channel is numbered after the members of this array."""
    offset: int = 0
    """What is added to Shelly's number."""
    rank: int = 0
    """Where several components ask for one number, the lower rank gets it."""
    bare: bool = False
    """There is a channel even where the component is empty."""
    decisive: tuple[str, ...] = ()
    """Keys whose values decide what the channel can do."""
    place: str = ""
    """Where it is found, where the key does not say it."""
    instead_of: str = ""
    """It counts only where there is no such component, whose place it takes."""
    others: Mapping[int, Table] = field(default_factory=dict)
    """The tables of components whose number makes them mean something else."""
    tailored: Callable[[Facts], Table] | None = None
    """The table where the settings decide about fields and units."""

    @property
    def wire(self) -> str:
        """Where it is found, as the documentation writes it."""
        if self.place:
            return f"{self.generation} {self.place}"
        names = {
            Form.COMPONENT: f"`{self.key}:N`",
            Form.SINGLE: f"`{self.key}`",
            Form.ARRAY: f"`{self.key}[]`",
            Form.NUMBERED: f"`{self.key}.N`",
            Form.FLAT: ", ".join(f"`{member}`" for member in self.flat),
        }
        form = "{}:N" if self.form is Form.COMPONENT else "{}[]"
        extra = "".join(f" with `{form.format(each.key)}`" for each in self.companions)
        return f"{self.generation} {names[self.form]}{extra}"

    @property
    def fields(self) -> tuple[Field, ...]:
        """All keys, those of the companions too."""
        return self.fields_by(self.table)

    def fields_by(self, table: Table) -> tuple[Field, ...]:
        """The same where this table reads the component."""
        return described(table, *(each.table for each in self.companions))


@dataclass(frozen=True, slots=True, eq=False)
class Kind:
    """One kind of channel: `name` is its level of the topic, `title` what people call it."""

    name: str
    title: str
    text: str
    origins: tuple[Origin, ...] = field(default=())
    acts: bool = False
    """It takes commands or tells presses, so that no unknown component may bear its name."""
