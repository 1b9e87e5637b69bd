-- A log that is or was followed. `size` is that of the newest accepted checkpoint, whose tree is in `tiles`; the entries
-- from `first` up to `cursor` are verified and examined. `filled` is how far a backfill below `first` has come.
CREATE TABLE logs (
    id        INTEGER PRIMARY KEY,
    origin    TEXT NOT NULL UNIQUE,
    kind      TEXT NOT NULL,
    vkey      TEXT NOT NULL,
    first     INTEGER NOT NULL,
    cursor    INTEGER NOT NULL,
    filled    INTEGER NOT NULL,
    size      INTEGER NOT NULL,
    root      BLOB NOT NULL,
    grown_at  INTEGER NOT NULL,
    final     INTEGER NOT NULL DEFAULT 0
);

-- Every signed checkpoint that was seen, verbatim.
CREATE TABLE checkpoints (
    log        INTEGER NOT NULL REFERENCES logs (id),
    size       INTEGER NOT NULL,
    root       BLOB NOT NULL,
    note       TEXT NOT NULL,
    first_seen INTEGER NOT NULL,
    vantage    TEXT NOT NULL,
    status     TEXT NOT NULL,
    PRIMARY KEY (log, size, root)
) WITHOUT ROWID;

-- All levels above 0, and of level 0 the last tiles.
CREATE TABLE tiles (
    log    INTEGER NOT NULL REFERENCES logs (id),
    level  INTEGER NOT NULL,
    idx    INTEGER NOT NULL,
    hashes BLOB NOT NULL,
    PRIMARY KEY (log, level, idx)
) WITHOUT ROWID;

-- What was extracted from entries.
CREATE TABLE facts (
    log  INTEGER NOT NULL REFERENCES logs (id),
    idx  INTEGER NOT NULL,
    leaf BLOB NOT NULL,
    fact TEXT NOT NULL,
    PRIMARY KEY (log, idx, fact)
) WITHOUT ROWID;

-- Receipts whose promise is not settled yet.
CREATE TABLE receipts (
    log        INTEGER NOT NULL REFERENCES logs (id),
    idx        INTEGER NOT NULL,
    leaf       BLOB NOT NULL,
    first_seen INTEGER NOT NULL,
    PRIMARY KEY (log, idx, leaf)
) WITHOUT ROWID;

-- What looks wrong and may pass.
CREATE TABLE suspicions (
    scope      TEXT NOT NULL,
    kind       TEXT NOT NULL,
    grouping   TEXT NOT NULL,
    first_seen INTEGER NOT NULL,
    last_seen  INTEGER NOT NULL,
    times      INTEGER NOT NULL,
    PRIMARY KEY (scope, kind, grouping)
) WITHOUT ROWID;

CREATE TABLE findings (
    fingerprint TEXT PRIMARY KEY,
    kind        TEXT NOT NULL,
    class       TEXT NOT NULL,
    severity    TEXT NOT NULL,
    scope       TEXT NOT NULL,
    log         TEXT NOT NULL,
    idx         INTEGER,
    why         TEXT NOT NULL,
    expected    TEXT NOT NULL,
    found       TEXT NOT NULL,
    rule        TEXT,
    evidence    TEXT,
    retroactive INTEGER NOT NULL,
    status      TEXT NOT NULL,
    first_seen  INTEGER NOT NULL,
    last_seen   INTEGER NOT NULL,
    times       INTEGER NOT NULL,
    revision    INTEGER NOT NULL,
    denies      INTEGER NOT NULL
) WITHOUT ROWID;

-- Append-only: what became of a finding, when and by whom.
CREATE TABLE finding_events (
    id          INTEGER PRIMARY KEY,
    fingerprint TEXT NOT NULL REFERENCES findings (fingerprint),
    at          INTEGER NOT NULL,
    event       TEXT NOT NULL,
    actor       TEXT NOT NULL,
    reason      TEXT NOT NULL
);

-- What is to be delivered: one row for each revision of a finding, in order.
CREATE TABLE outbox (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    fingerprint TEXT NOT NULL,
    revision    INTEGER NOT NULL,
    at          INTEGER NOT NULL,
    body        TEXT NOT NULL,
    UNIQUE (fingerprint, revision)
);

-- What the rows above must say together; see `seal`.
CREATE TABLE seal (
    id      INTEGER PRIMARY KEY CHECK (id = 1),
    counter INTEGER NOT NULL,
    mac     BLOB NOT NULL
);
