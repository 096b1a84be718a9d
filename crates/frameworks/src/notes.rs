//! What both servers serve, and what has nothing to do with HTTP: the notes and their rules.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A note, as it is stored and sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Note {
    id: u64,
    title: String,
    text: String,
}

impl Note {
    /// Its id, which the store has given.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.id
    }
}

/// What a client sends to create or replace a note.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Draft {
    title: String,
    #[serde(default)]
    text: String,
}

impl Draft {
    /// Reads a draft from a JSON object and checks it.
    ///
    /// An object, not any JSON: what serde derives for a struct also takes an array, whose items it
    /// takes for the fields in their order.
    ///
    /// # Errors
    ///
    /// [`Refusal::Shape`] if a field is missing or of another type, [`Refusal::Rule`] if a rule is
    /// broken.
    pub fn from_object(object: Map<String, Value>) -> Result<Self, Refusal> {
        let mut draft: Self = serde_json::from_value(Value::Object(object))
            .map_err(|error| Refusal::Shape(error.to_string()))?;
        draft.title = draft.title.trim().to_owned();
        // Characters, as the rule says, not the bytes that `len` counts.
        if !(1..=100).contains(&draft.title.chars().count()) {
            return Err(Refusal::Rule("title must have 1 to 100 characters"));
        }
        if draft.text.chars().count() > 10_000 {
            return Err(Refusal::Rule("text must have at most 10000 characters"));
        }
        Ok(draft)
    }
}

/// Which notes a client wants to see.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Wanted {
    /// A part of the title or the text, whatever the case.
    pub search: String,
    /// At most so many, 1 to 100.
    pub limit: usize,
    /// Without the first so many.
    pub offset: usize,
}

impl Default for Wanted {
    fn default() -> Self {
        Self {
            search: String::new(),
            limit: 20,
            offset: 0,
        }
    }
}

/// Some of the notes.
#[derive(Debug, Serialize)]
pub struct Page {
    notes: Vec<Note>,
    /// How many were found, on all pages.
    total: usize,
}

/// Why a request is refused. Which status that is, the server decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The JSON has another shape than a note.
    Shape(String),
    /// A rule for titles and texts is broken.
    Rule(&'static str),
    /// A parameter of the query is out of its range.
    Query(&'static str),
    /// There is no note with this id.
    NoNote(u64),
}

impl fmt::Display for Refusal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shape(what) => write!(out, "this is no note: {what}"),
            Self::Rule(what) | Self::Query(what) => out.write_str(what),
            Self::NoNote(id) => write!(out, "there is no note {id}"),
        }
    }
}

/// The notes, in memory.
#[derive(Debug, Default)]
pub struct Store {
    // Never held over an await: what is done under it takes microseconds.
    notes: Mutex<Notes>,
}

#[derive(Debug, Default)]
struct Notes {
    by_id: BTreeMap<u64, Note>,
    /// Kept apart from the notes: the id of a deleted note is not given again.
    last_id: u64,
}

impl Store {
    fn lock(&self) -> MutexGuard<'_, Notes> {
        // Nothing under the lock leaves the notes half changed, so a panic there does no harm.
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a note.
    pub fn create(&self, draft: Draft) -> Note {
        let mut notes = self.lock();
        notes.last_id += 1;
        let note = note(notes.last_id, draft);
        notes.by_id.insert(note.id, note.clone());
        note
    }

    /// The note with this id.
    ///
    /// # Errors
    ///
    /// [`Refusal::NoNote`] if there is none.
    pub fn read(&self, id: u64) -> Result<Note, Refusal> {
        self.lock()
            .by_id
            .get(&id)
            .cloned()
            .ok_or(Refusal::NoNote(id))
    }

    /// Puts another note in the place of this one.
    ///
    /// # Errors
    ///
    /// [`Refusal::NoNote`] if there is none.
    pub fn replace(&self, id: u64, draft: Draft) -> Result<Note, Refusal> {
        let mut notes = self.lock();
        let old = notes.by_id.get_mut(&id).ok_or(Refusal::NoNote(id))?;
        *old = note(id, draft);
        Ok(old.clone())
    }

    /// Removes a note.
    ///
    /// # Errors
    ///
    /// [`Refusal::NoNote`] if there is none.
    pub fn delete(&self, id: u64) -> Result<(), Refusal> {
        let removed = self.lock().by_id.remove(&id);
        removed.map(drop).ok_or(Refusal::NoNote(id))
    }

    /// The notes that are wanted, newest last.
    ///
    /// # Errors
    ///
    /// [`Refusal::Query`] if the limit is out of its range.
    pub fn list(&self, wanted: &Wanted) -> Result<Page, Refusal> {
        if !(1..=100).contains(&wanted.limit) {
            return Err(Refusal::Query("limit must be a number from 1 to 100"));
        }
        let search = wanted.search.to_lowercase();
        let notes = self.lock();
        let contains = |text: &str| text.to_lowercase().contains(&search);
        let found: Vec<&Note> = notes
            .by_id
            .values()
            .filter(|note| contains(&note.title) || contains(&note.text))
            .collect();
        let page = found.iter().skip(wanted.offset).take(wanted.limit);
        Ok(Page {
            notes: page.map(|&note| note.clone()).collect(),
            total: found.len(),
        })
    }
}

fn note(id: u64, Draft { title, text }: Draft) -> Note {
    Note { id, title, text }
}
