CREATE TABLE notes (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    title TEXT NOT NULL,
    text TEXT NOT NULL,
    -- Both in lower case, by the program, so that both engines find the same.
    title_folded TEXT NOT NULL,
    text_folded TEXT NOT NULL
);
