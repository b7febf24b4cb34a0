"""Names that synchronisers give to copies."""

import pytest
from plainmind.formats import copies

#: of a file home.md: Syncthing; Dropbox in its languages; Nextcloud, Obsidian Sync, Seafile,
#: ownCloud, Google Drive, Synology, pCloud, Resilio, git mergetool
SURE = """
home.sync-conflict-20260302-090000-ABCDEFG.md
home.sync-conflict-20260302-090000.md
home (Ann's conflicted copy 2026-03-02).md
home (Ann's conflicted copy 2026-03-02 (1)).md
home (In Konflikt stehende Kopie von Ann 2026-03-02).md
home (Copie en conflit de Ann 2026-03-02).md
home (Copia en conflicto de Ann 2026-03-02).md
home (Copia in conflitto di Ann 2026-03-02).md
home (Cópia em conflito de Ann 2026-03-02).md
home (Conflicterende kopie van Ann 2026-03-02).md
home (kopia powodująca konflikt użytkownika Ann 2026-03-02).md
home (Анна - конфликтующая копия 2026-03-02).md
home (Ann の競合コピー 2026-03-02).md
home (Ann 的冲突副本 2026-03-02).md
home (Ann 的衝突複本 2026-03-02).md
home (Ann의 충돌된 사본 2026-03-02).md
home (Anns konfliktkopi 2026-03-02).md
home (conflicted copy 2026-03-02 090000).md
home (Conflicted copy Phone 202603020900).md
home (SFConflict ann@example.org 2026-03-02-09-00-00).md
home (Case Conflict).md
home (Selective Sync Conflict 1).md
home (conflict #1 on 2026-03-02).md
home_conf(1).md
home_conflict-20260302-090000.md
home_laptop_Mar-02-0900-2026_Conflict.md
home [conflicted].md
home.Conflict.md
.syncthing.home.md.tmp
~syncthing~home.md.tmp
~$home.md
#home.md#
.#home.md
home.md~
""".strip().splitlines()

DOUBTFUL = ["home 2.md", "home (1).md", "home(1).md", "home-DESKTOP-4F2K1.md", "home (conflict).md"]
DOUBTFUL += ["home_LOCAL_4711.md"]

OWN = """
home.md
Plan 1.md
Sprint 12.md
Merge conflicts and how to solve them.md
Conflicted copy.md
How to copy (without conflict of interest) files.md
Vietnam (conflict).md
Résumé (copie).md
HTTP-2.md
2026-03-02.md
Backup_2026.md
Notes (2).md
冲突.md
""".strip().splitlines()

HOME = "---\ndate: 2026-05-08\ntype: user\ntier: L1\n---\n# Where I live\n\nMy home is {}.\n"


def test_a_name_that_leaves_no_doubt_is_a_copy_alone_and_beside_the_original():
    assert [name for name in SURE if not copies.is_copy(name)] == []
    folder = ["home.md", *SURE]
    assert list(copies.find_copies(folder, lambda name: b"")) == SURE
    assert [name for name in OWN + DOUBTFUL if copies.is_copy(name)] == []
    assert list(copies.find_copies([*OWN, *DOUBTFUL[1:2]], lambda name: b"")) == []


@pytest.mark.parametrize(("one", "other"), [("Lisbon", "Porto"), ("里斯本", "波尔图")])
def test_a_doubtful_name_is_a_copy_beside_a_text_that_is_nearly_its_own(one, other):
    texts = dict.fromkeys(DOUBTFUL, HOME.format(one)) | {"home.md": HOME.format(other)}
    assert list(copies.find_copies(texts, lambda name: texts[name].encode())) == DOUBTFUL
    del texts["home.md"]
    assert list(copies.find_copies(texts, lambda name: texts[name].encode())) == []


@pytest.mark.parametrize("name", DOUBTFUL)
def test_what_a_person_called_alike_and_says_something_else_is_theirs(name):
    head = "---\ndate: 2026-05-08\ntype: project\ntier: L2\n---\n"
    texts = {
        "home.md": f"{head}# Moving\n\nBoxes on Friday, the van on Saturday, keys from Ben.\n",
        name: f"{head}# The garden\n\nCut the hedge, sow beans along the wall, mend the gate.\n",
    }
    assert list(copies.find_copies(texts, lambda name: texts[name].encode())) == []
    assert not copies.is_alike(b"", b""), "nothing is in common where there is nothing"
