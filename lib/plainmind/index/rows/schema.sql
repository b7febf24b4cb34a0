-- The index of one memory folder. Everything here is derived: `rm -r index` loses nothing.
-- Times are RFC 3339 text in UTC; `unix_ms` is the same instant in milliseconds, for arithmetic.

-- What made this index, and how far it has read. One row a fact.
CREATE TABLE settings (
    -- terms: what made the words; embed_model: the model whose vectors answer; totals: of all
    -- events; embedding: the model that unembedded is of; journal, pins: what was read last; gone:
    -- windows that were taken away; swept: vectors/ has no vector of what went before this index
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL     -- text, or JSON
) WITHOUT ROWID;

-- One row a window, a log file.
CREATE TABLE windows (
    -- the high part of its events' ids; never reused: a vector may be on its way
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    path        TEXT NOT NULL UNIQUE, -- relative to the memory folder
    context     TEXT NOT NULL,       -- such as discord-thread/123
    inode       INTEGER NOT NULL,    -- of the file when it was last read
    modified    INTEGER NOT NULL,    -- its modification time then, in nanoseconds
    -- its change time then, which nobody can set; 0 when not all of it was read then, or when that
    -- was too recent to be trusted
    changed     INTEGER NOT NULL,
    size        INTEGER NOT NULL,    -- its bytes then
    read_to     INTEGER NOT NULL,    -- bytes taken in: the end of the last whole event
    last_offset INTEGER NOT NULL,    -- byte where the last event starts
    last_line   INTEGER NOT NULL,    -- line where it starts
    digest      TEXT NOT NULL,       -- its digest: shows that what was read still stands
    events      INTEGER NOT NULL,    -- taken in
    checksum    INTEGER NOT NULL     -- CRC-32 of the bytes taken in
);

-- One row an event. id = window id * 16777216 + its number in the window: neighbours are id - 1
-- and id + 1.
CREATE TABLE events (
    id        INTEGER PRIMARY KEY,
    line      INTEGER NOT NULL,  -- of its header
    end_line  INTEGER NOT NULL,  -- of the last line of its body
    timestamp TEXT NOT NULL,
    unix_ms   INTEGER NOT NULL,
    role      TEXT NOT NULL,     -- user, agent, tool or system
    author    TEXT NOT NULL,     -- '' when unknown
    model     INTEGER NOT NULL,  -- models.id of the one that wrote it, 0 when none did
    content   TEXT NOT NULL,     -- less what a recall had injected into it
    episode   INTEGER NOT NULL,  -- id of the first event of its stretch of conversation
    -- a number that contents have in common when they are equal but for case, space and punctuation
    same      INTEGER NOT NULL,
    offset    INTEGER NOT NULL,  -- byte where it starts in its window
    bytes     INTEGER NOT NULL,  -- that it has there
    checksum  INTEGER NOT NULL   -- of these (BLAKE2b, 63 bits): they stand before it is shown
);
CREATE INDEX events_by_time ON events (unix_ms, role);
CREATE INDEX events_by_same ON events (same);
CREATE INDEX events_by_model ON events (model) WHERE model > 0;
CREATE INDEX events_unsaid ON events (role) WHERE role NOT IN ('user', 'agent');

-- One row an episode: a stretch of one window without a gap of an hour, of at most 30 events.
-- Recall reads some of these rows instead of events; each BLOB has one entry an event, in order.
CREATE TABLE episodes (
    id       INTEGER PRIMARY KEY, -- id of its first event; the others follow without a hole
    words    INTEGER NOT NULL,    -- indexed words in all of it, without stop words
    newest   INTEGER NOT NULL,    -- the greatest of its times
    lengths  BLOB NOT NULL,       -- uint16: indexed words of the event
    openings BLOB NOT NULL,       -- uint8: those among its first 30 words
    times    BLOB NOT NULL,       -- int64: unix_ms
    -- uint8: the role (0 user, 1 agent, 2 tool, 3 system), + 8 when it ends with a question mark,
    -- + 16 when a question ends in its last 30 words
    kinds    BLOB NOT NULL,
    authors  BLOB NOT NULL,       -- uint32: authors.id
    checksum INTEGER NOT NULL     -- CRC-32 of the BLOBs
);
CREATE INDEX episodes_by_newest ON episodes (newest);

-- In how many events each word is.
CREATE TABLE word_counts (
    term   TEXT PRIMARY KEY,
    events INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE authors (
    id   INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE -- '' is an unknown author
);

-- The chat models that wrote events.
CREATE TABLE models (
    id   INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
);

-- One row a model and an event, or a passage of a page. What has no row is pending.
CREATE TABLE vectors (
    id        INTEGER PRIMARY KEY,
    kind      TEXT NOT NULL,     -- event or passage
    owner     INTEGER NOT NULL,  -- events.id or passages.id
    model     TEXT NOT NULL,     -- vectors of different models are never compared
    status    TEXT NOT NULL,     -- pending, ok or failed
    attempts  INTEGER NOT NULL,  -- tries that failed
    error     TEXT NOT NULL,     -- of the last try; of what is ok: of which part its vector is
    next_try  TEXT NOT NULL,     -- not before this time; '' is at once
    place     INTEGER NOT NULL,  -- its record's, in the file of vector_files; -1 is none
    embedding BLOB,              -- little-endian float16, length 1
    checksum  INTEGER NOT NULL,  -- its CRC-32
    UNIQUE (kind, owner, model)
);
CREATE INDEX vectors_answering ON vectors (model, kind)
WHERE status = 'ok' AND embedding IS NOT NULL;
CREATE INDEX vectors_unpacked ON vectors (model)
WHERE kind = 'event' AND place < 0 AND embedding IS NOT NULL;
CREATE INDEX vectors_placed ON vectors (owner, place, model) WHERE kind = 'event' AND place >= 0;
CREATE INDEX vectors_waiting ON vectors (model, next_try, status) WHERE status <> 'ok';

-- Texts that have no row in vectors of the model that the setting embedding names: so what is to be
-- done need not be looked for among all that is done.
CREATE TABLE unembedded (
    kind  TEXT NOT NULL,    -- event or passage
    owner INTEGER NOT NULL, -- events.id or passages.id
    PRIMARY KEY (kind, owner)
) WITHOUT ROWID;

-- The vectors of a model's events are packed into a file beside this one, a byte a dimension; here
-- is what of it counts.
CREATE TABLE vector_files (
    model      TEXT PRIMARY KEY,
    token      INTEGER NOT NULL, -- in hexadecimal it is the file's name, before .codes
    dimensions INTEGER NOT NULL,
    records    INTEGER NOT NULL, -- those after them were written by what was killed
    dead       INTEGER NOT NULL, -- of them, that are of no event any more
    fitted     INTEGER NOT NULL, -- vectors that it was fitted to
    error      REAL NOT NULL,    -- no vector is further from its packed form
    reach      REAL NOT NULL,    -- nor is a packed form longer, less the mean of all
    state      TEXT NOT NULL     -- what tells that nobody else wrote into it
) WITHOUT ROWID;

-- Records that are of no event any more, and are still to be overwritten.
CREATE TABLE vector_holes (
    token INTEGER NOT NULL,
    place INTEGER NOT NULL,
    PRIMARY KEY (token, place)
) WITHOUT ROWID;

-- Hashes of texts that were embedded, and that files no longer hold: their vectors are in vectors/
-- until the next mem-embed.
CREATE TABLE removed (
    hash BLOB PRIMARY KEY,
    same INTEGER NOT NULL -- events.same, by which others that say it are found; 0 of a passage
) WITHOUT ROWID;

-- The pins, as pins/pins.md has them.
CREATE TABLE pins (
    path TEXT NOT NULL,
    line INTEGER NOT NULL,
    PRIMARY KEY (path, line)
) WITHOUT ROWID;

-- Events that stand in the place of an earlier one: a message that was edited (discord-relay).
CREATE TABLE changes (
    event INTEGER NOT NULL, -- events.id of the later one
    path  TEXT NOT NULL,    -- the earlier one's
    line  INTEGER NOT NULL,
    PRIMARY KEY (event, path, line)
) WITHOUT ROWID;
CREATE INDEX changes_by_place ON changes (path, line);

-- One row a page of knowledge/ or raw/compaction/. What its frontmatter does not say is ''.
CREATE TABLE pages (
    id         INTEGER PRIMARY KEY,
    path       TEXT NOT NULL UNIQUE, -- relative to the memory folder
    name       TEXT NOT NULL,    -- its file's, without .md
    link       TEXT NOT NULL,    -- what links and names are compared by: small letters, hyphens
    inode      INTEGER NOT NULL, -- of the file when it was last read
    modified   INTEGER NOT NULL, -- its modification time then, in nanoseconds
    changed    INTEGER NOT NULL, -- its change time then; 0 when that was too recent to be trusted
    size       INTEGER NOT NULL, -- its bytes then
    digest     TEXT NOT NULL,    -- SHA-256 of what was read
    date       TEXT NOT NULL,    -- 2026-05-08
    type       TEXT NOT NULL,    -- user, project, agent-feedback, reference or compaction
    tier       TEXT NOT NULL,    -- L1 or L2
    source     TEXT NOT NULL,
    image      TEXT NOT NULL,
    valid_from TEXT NOT NULL,    -- first day it holds
    valid_to   TEXT NOT NULL,    -- and the last
    title      TEXT NOT NULL,    -- its first heading, or its name
    body       TEXT NOT NULL,    -- less what a recall had injected into it
    line       INTEGER NOT NULL, -- where the body starts
    words      INTEGER NOT NULL DEFAULT 0, -- indexed words: title, name, tags and body
    -- uint32: the least hashes of its words, by which near-duplicates are found
    sketch     BLOB NOT NULL
);
CREATE INDEX pages_by_link ON pages (link);
-- What is compared with the files before every answer, without the bodies between.
CREATE INDEX pages_by_state ON pages (path, inode, modified, changed, size);

-- The first of each page's sketch: near-duplicates share most of them.
CREATE TABLE page_hashes (
    hash INTEGER NOT NULL,
    page INTEGER NOT NULL, -- pages.id
    PRIMARY KEY (hash, page)
) WITHOUT ROWID;

-- A page's text in pieces of whole paragraphs, of some 120 words, each with a vector of its own.
CREATE TABLE passages (
    id   INTEGER PRIMARY KEY AUTOINCREMENT, -- never reused: a vector may be on its way
    page INTEGER NOT NULL, -- pages.id
    line INTEGER NOT NULL, -- where it starts in the file
    text TEXT NOT NULL
);
CREATE INDEX passages_by_page ON passages (page);

CREATE TABLE page_tags (
    page INTEGER NOT NULL,
    tag  TEXT NOT NULL,
    PRIMARY KEY (page, tag)
) WITHOUT ROWID;

-- Other names that pages give themselves: `aliases`, and `name:` of Claude's memory.
CREATE TABLE page_aliases (
    page INTEGER NOT NULL, -- pages.id
    link TEXT NOT NULL,    -- as pages.link
    PRIMARY KEY (page, link)
) WITHOUT ROWID;

-- [[links]] to pages, and what a page takes the place of.
CREATE TABLE page_links (
    page       INTEGER NOT NULL, -- pages.id of the page that links
    target     TEXT NOT NULL,    -- pages.link of the page that is meant, whether it is there or not
    folder     TEXT NOT NULL,    -- what the link says before the name, compared alike; '' mostly
    supersedes INTEGER NOT NULL, -- 1: it takes the place of the target
    place      INTEGER NOT NULL, -- order in the page
    PRIMARY KEY (page, target, folder, supersedes)
) WITHOUT ROWID;
CREATE INDEX page_links_by_target ON page_links (target);

-- The graph: what the pages' frontmatter states, normalised.
CREATE TABLE kg_triples (
    page      INTEGER NOT NULL, -- pages.id
    line      INTEGER NOT NULL, -- of the page's file
    subject   TEXT NOT NULL,
    predicate TEXT NOT NULL,    -- snake_case
    object    TEXT NOT NULL,
    written   TEXT NOT NULL     -- the predicate as the page has it
);
CREATE INDEX kg_triples_by_page ON kg_triples (page);

CREATE TABLE kg_entities (
    name    TEXT PRIMARY KEY,  -- as it is written in the triples
    same    TEXT NOT NULL,     -- what its spellings have in common
    triples INTEGER NOT NULL   -- that name it
) WITHOUT ROWID;

-- Every triple with its page. `superseded` is 1 when another page takes the place of the page.
CREATE VIEW kg AS
SELECT subject, predicate, object, pages.path AS path, kg_triples.line AS line, pages.date AS date,
       pages.valid_from AS valid_from, pages.valid_to AS valid_to,
       EXISTS (SELECT 1 FROM page_links
               WHERE target = pages.link AND supersedes = 1 AND page <> pages.id) AS superseded
FROM kg_triples
JOIN pages ON pages.id = kg_triples.page;
