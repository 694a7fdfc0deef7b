"""What all specs have: a kind and a name, and fields that are checked where an author makes one."""

from dataclasses import dataclass
from typing import ClassVar

from mibench.declared import check_fields


@dataclass(frozen=True, kw_only=True)
class Named:
    """A base of specs.

    Attributes:
        name: what users type.
    """

    kind: ClassVar[str]
    name: str

    def __post_init__(self) -> None:
        check_fields(self, self.owner)

    @property
    def owner(self) -> str:
        """What messages call it."""
        return f"{self.kind} {self.name!r}"
