"""agmi's nine edits of a memory store (PyPI: agent-memory-integrity), against the logs: an adapter
for its `agmi-check`, which calls the commands as anybody would.

    pip install agent-memory-integrity
    PYTHONPATH=bench agmi-check --adapter integrity:Logs

A record is an event; edits are made to the bytes of the window. After each genuine write the last
digests of all windows go to a file outside of the store (`mem-lint --logs --heads`), as `mem-sync`
sends them to its remote; `mem-lint --logs --against` is what is asked.
"""

import os
import shutil
import subprocess
import tempfile

from agmi.adapters.base import MemoryAdapter, Record
from plainmind.formats.log import event as events
from plainmind.formats.log.event import RawEvent

BIN = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "bin")
FIRST, SECOND = "cli/first", "cli/second"


class Logs(MemoryAdapter):
    name = "plainmind"
    detection_point = "audit"
    supports_replay = supports_metadata = supports_snapshot = True

    def setup(self) -> None:
        self._folder = tempfile.mkdtemp()
        self._home = os.path.join(self._folder, "home")
        self._heads = os.path.join(self._folder, "heads")  # outside of the store
        self._count = 0

    def teardown(self) -> None:
        shutil.rmtree(self._folder)

    def seed(self, n: int) -> None:
        for _ in range(n):
            self._say(FIRST)

    def seed_other(self, n: int) -> None:
        for _ in range(n):
            self._say(SECOND)

    def append_genuine(self) -> None:
        self._say(FIRST)

    def _say(self, context: str) -> None:
        self._count += 1
        text = f"entry {self._count} of {context}".encode()
        options = ("--context", context, "--role", "user", "--author", "Ann")
        self._run("mem-append", *options, stdin=text)
        with open(self._heads, "wb") as file:
            file.write(self._run("mem-lint", "--logs", "--heads").stdout)

    def _run(
        self, command: str, *arguments: str, stdin: bytes = b""
    ) -> subprocess.CompletedProcess:
        env = {"PATH": os.environ["PATH"], "MIND_HOME": self._home}
        line = [os.path.join(BIN, command), *arguments]
        return subprocess.run(line, input=stdin, env=env, capture_output=True, check=False)

    # --- the store's bytes

    def _path(self, context: str) -> str:
        folder = os.path.join(self._home, "logs", context)
        return os.path.join(folder, next(name for name in os.listdir(folder) if name[0] != "."))

    def _read(self, context: str) -> list[Record]:
        with open(self._path(context), "rb") as file:
            blocks = [one for one in events.scan(file.read()) if isinstance(one, RawEvent)]
        return [self._to_record(seq, context, one) for seq, one in enumerate(blocks)]

    def _to_record(self, seq: int, context: str, block: RawEvent) -> Record:
        block = block._replace(offset=0, end=0, line=0, end_line=0)  # where it is, it is not
        body, meta = block.body.decode(), block.meta.decode()
        raw = {"id": f"{context} {block.digest}", "context": context}
        return Record(seq, {**raw, "body": body, "meta": meta, "block": block})

    def _write(self, blocks: list[RawEvent]) -> None:
        with open(self._path(FIRST), "r+b") as file:
            title = file.readline() + file.readline()
            file.seek(0)
            file.write(title + b"".join(map(events.render_raw, blocks)))
            file.truncate()

    def _blocks(self) -> list[RawEvent]:
        return [record.fields["block"] for record in self._read(FIRST)]

    def read_all_raw(self) -> list[Record]:
        return self._read(FIRST)

    def read_other_raw(self) -> list[Record]:
        return self._read(SECOND)

    def write_raw(self, record: Record) -> None:
        fields, blocks = record.fields, self._blocks()
        block = fields["block"]._replace(body=fields["body"].encode(), meta=fields["meta"].encode())
        if record.seq < len(blocks):
            blocks[record.seq] = block
        else:
            blocks.append(block)
        self._write(blocks)

    def delete_raw(self, seq: int) -> None:
        blocks = self._blocks()
        del blocks[seq]
        self._write(blocks)

    def mutate_payload(self, record: Record) -> Record:
        fields = dict(record.fields)
        fields["body"] = fields["body"].replace("entry", "forged entry")
        return Record(record.seq, fields)

    def forge_record(self, template: Record) -> Record:
        forged = self.mutate_payload(template)
        return Record(template.seq + 1, forged.fields)

    def payload_of(self, record: Record) -> str:
        return record.fields["body"]

    def identity_of(self, record: Record) -> str:
        return str(record.fields["block"].digest)

    def owner_of(self, record: Record) -> str:
        return record.fields["context"]

    def replay_onto(self, victim_seq: int, donor: Record) -> None:
        blocks = self._blocks()
        blocks[victim_seq] = blocks[victim_seq]._replace(body=donor.fields["body"].encode())
        self._write(blocks)

    def read_meta(self, seq: int) -> dict:
        return events.parse_meta(self._blocks()[seq])

    def write_meta(self, seq: int, meta: dict) -> None:
        blocks = self._blocks()
        blocks[seq] = blocks[seq]._replace(meta=f" {events.render_meta(meta)}".encode())
        self._write(blocks)

    def snapshot_store(self) -> str:
        copy = tempfile.mkdtemp(dir=self._folder)
        shutil.copytree(self._home, f"{copy}/home")
        return copy

    def restore_store(self, token: str) -> None:
        shutil.rmtree(self._home)
        shutil.copytree(f"{token}/home", self._home)

    # --- what it says of itself

    def reload(self) -> None:
        pass

    def verify(self) -> bool:
        ended = self._run("mem-lint", "--logs", "--against", self._heads)
        self.verify_detail = ended.stdout.decode().partition("\n")[0]
        return ended.returncode == 0
