-- AUTOINCREMENT: without it, SQLite gives the number of a deleted note to the next one.
CREATE TABLE notes (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    title TEXT NOT NULL,
    text TEXT NOT NULL,
    -- Both in lower case. SQLite's own lower() knows A to Z only.
    title_folded TEXT NOT NULL,
    text_folded TEXT NOT NULL
);
