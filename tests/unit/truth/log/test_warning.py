"""mem-append says when a text looks like a secret, with the command that takes it back, and without
the secret."""

import json

import pytest

SECRET = "hunter2-Blue-42"
TEXT = f"The wifi password is {SECRET}."
REF = "logs/note/a/20260130T142355Z.md"


@pytest.mark.parametrize("arguments, stdin, named", [
    (["--role", "user"], TEXT, [3]),
    (["--role", "user"], "nothing of the kind", []),
    (["--role", "user", "--quiet"], TEXT, []),
    (["--jsonl"], [TEXT, "no", TEXT], [3, 9]),
    (["--jsonl"], [TEXT] * 9, [3, 6, 9, 12, 15]),
])  # fmt: skip
def test_the_warning(home, arguments, stdin, named):
    import os
    import subprocess

    from scene import ROOT, TIME

    if isinstance(stdin, list):
        lines = [json.dumps({"role": "user", "content": text}) for text in stdin]
        stdin = "\n".join(lines)
    ended = subprocess.run(
        [os.path.join(ROOT, "bin", "mem-append"), "--context", "note/a", *arguments],
        input=stdin, capture_output=True, text=True,
        env={"PATH": os.environ["PATH"], "MIND_HOME": home.root, "MIND_NOW": TIME},
    )  # fmt: skip
    what = "this looks like a key or a password; if it is one, take it back"
    said = [f"mem-append: {REF}:{n}: {what}: mem-forget {REF}:{n}" for n in named]
    said += ["mem-append: 4 more events look like that"] * (len(named) == 5)
    assert ended.returncode == 0 and ended.stderr.splitlines() == said
    assert SECRET not in ended.stderr and f"{REF}:3" in ended.stdout
