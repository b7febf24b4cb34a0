"""skill: what is wrong in the head of one of the home's skills, such as a line YAML refuses."""

from collections.abc import Iterator

from ....formats import skill
from ....ground import files
from ....ground.errors import BadData, Failure
from ...log.verify import Finding
from .. import skill_heads
from .vault import Vault


def find_findings(vault: Vault) -> Iterator[Finding]:
    for path in skill_heads.list_paths(vault.home) if vault.whole and not vault.is_foreign else ():
        full = vault.home.path(path)
        try:
            found = skill.read_frontmatter(files.read(full, 0, skill.MOST + 1), path)
            problems = [*skill.find_refused(found, path), *skill.find_problems(found, path)]
        except BadData as failure:
            problems = [failure]
        except (OSError, Failure):
            continue
        said = {(one.place, one.what): one for one in problems}
        for place, what in said:
            line = int(place.rpartition(":")[2])
            yield Finding(path, line, "skill", f"{what}; {said[place, what].cure}")
