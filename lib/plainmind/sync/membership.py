"""Which machines have the memory: `sync/machines/0001.json`, one a machine, in the repository.

A machine takes the next number that is free in what it has fetched, and has it once a push with its
file has come through: a push that loses is made again on what the winner pushed. So no number is
given twice, and no lock is needed. A machine whose number names another one there, as after a lost
push, takes a new one; so does one that was set back, or copied with its folder: what is
pushed under its id, and is not in its own history, somebody else has written.
"""

import json
import re
from typing import NamedTuple

from ..ground import chance, files
from ..ground.paths import Home
from ..ground.stream import json_record
from ..truth import machines
from ..truth.machines import Machine
from .repository import Repository, Tree

_PATH = re.compile(r"sync/machines/([0-9]{4})\.json\Z")  # whatever else somebody put there
MOST = 9999  # numbers


class OtherMachine(NamedTuple):
    number: int
    id: str
    host: str


def path_of(number: int) -> str:
    return f"sync/machines/{number:04d}.json"


def render(one: Machine) -> bytes:
    return json_record(one._asdict())


def list_members(repository: Repository, tree: Tree) -> list[OtherMachine]:
    """The machines that a tree knows, by their numbers."""
    found = []
    for path in sorted(tree):
        if match := _PATH.match(path):
            id, host = _parse(repository.read(tree[path]))
            found.append(OtherMachine(int(match[1]), id, machines.name_host(host)))
    return found


def _parse(data: bytes) -> tuple[str, str]:
    try:
        value = json.loads(data)
        return str(value["id"]), str(value["host"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return "", ""


def know_self(home: Home) -> Machine:
    """This machine; one that has no id yet is given one."""
    machine = machines.read(home)
    host = machines.host_name()
    if not machine.id or machine.host != host:
        machine = machine._replace(id=machine.id or chance.draw(8).hex(), host=host)
        keep(home, machine)
    return machine


def keep(home: Home, machine: Machine) -> None:
    """What this machine is from now on. Appends read it under the same lock."""
    if machines.read(home) != machine:
        with files.lock(home.lock):
            machines.write(home, machine)


def take_number(
    repository: Repository, tree: Tree, machine: Machine, *, renew: bool = False
) -> Machine:
    """The machine with the number that a tree has for it, or with the next one that is free.
    `renew`: with a new id, too."""
    if renew:
        machine = Machine(0, chance.draw(8).hex(), machine.host)
    members = list_members(repository, tree)
    for member in members:
        if member.id == machine.id:
            return machine._replace(number=member.number)
    taken = {member.number for member in members}
    if machine.number and machine.number not in taken:
        return machine
    free = max(taken, default=0) + 1
    if free > MOST:  # somebody took the last one
        free = next(number for number in range(1, MOST + 2) if number not in taken)
    return machine._replace(number=free)


def enter(repository: Repository, tree: Tree, machine: Machine) -> Tree:
    """The tree with this machine's file."""
    return {**tree, path_of(machine.number): repository.put(render(machine))}
