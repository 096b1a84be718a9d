//! Starts the four servers, looks at what they do, and prints it side by side.

mod behaviour;
mod lines;
mod load;
mod server;

use std::time::Duration;

use futures::future::try_join_all;

use server::{Server, Starting};

/// Which server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Hyper,
    Axum,
    Aiohttp,
    Tornado,
}

/// All of them, in the order of the columns.
pub(crate) const KINDS: [Kind; 4] = [Kind::Hyper, Kind::Axum, Kind::Aiohttp, Kind::Tornado];

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Hyper => "hyper",
            Self::Axum => "axum",
            Self::Aiohttp => "aiohttp",
            Self::Tornado => "tornado",
        }
    }
}

/// The kinds of a list such as `hyper,axum`, in the order of [`KINDS`]; or the name that is none.
pub(crate) fn kinds(names: &str) -> Result<Vec<Kind>, String> {
    let names: Vec<&str> = names.split(',').map(str::trim).collect();
    let unknown = names
        .iter()
        .find(|name| KINDS.iter().all(|kind| kind.name() != **name));
    match unknown {
        Some(unknown) => Err((*unknown).to_owned()),
        None => Ok(KINDS
            .into_iter()
            .filter(|kind| names.contains(&kind.name()))
            .collect()),
    }
}

/// A table: a column for each server.
struct Table {
    title: &'static str,
    names: Vec<&'static str>,
    rows: Vec<(String, Vec<String>)>,
}

impl Table {
    fn new(title: &'static str, kinds: &[Kind]) -> Self {
        Self {
            title,
            names: kinds.iter().map(|kind| kind.name()).collect(),
            rows: Vec::new(),
        }
    }

    fn print(&self) {
        let line = |label: &str, cells: &mut dyn Iterator<Item = &str>| {
            let cells: String = cells.map(|cell| format!("  {cell:<12}")).collect();
            println!("{}", format!("{label:<40}{cells}").trim_end());
        };
        line(self.title, &mut self.names.iter().copied());
        for (label, cells) in &self.rows {
            line(&format!("  {label}"), &mut cells.iter().map(String::as_str));
        }
    }
}

/// Compares these servers; their speed, too, if it is said for how long.
pub(crate) async fn run(kinds: &[Kind], measured: Option<Duration>) -> Result<(), String> {
    // What does not run here has been said by then.
    let kinds: Vec<Kind> = kinds
        .iter()
        .copied()
        .filter(|&kind| server::runs_here(kind))
        .collect();
    if kinds.is_empty() {
        return Err("none of these servers runs here".to_owned());
    }

    let mut code = Table::new("lines of code", &kinds);
    for (label, count) in lines::COUNTED {
        let cells = kinds.iter().map(|&kind| count(kind).to_string());
        code.rows.push((label.to_owned(), cells.collect()));
    }
    code.print();
    println!();

    let start = |defaults| {
        let start = |&kind| Ok((kind, Starting::new(kind, defaults)?));
        kinds.iter().map(start).collect::<Result<Vec<_>, String>>()
    };
    let (by_itself, as_built) = (start(true)?, start(false)?);
    let listen = |starting: Vec<(Kind, Starting)>| {
        let listens = |(kind, starting): (_, Starting)| Ok((kind, starting.listens()?));
        starting.into_iter().map(listens).collect()
    };
    let by_itself: Result<Vec<(Kind, Server)>, String> = listen(by_itself);
    let as_built: Result<Vec<(Kind, Server)>, String> = listen(as_built);
    let (by_itself, as_built) = tokio::try_join!(
        table("by itself", by_itself?, behaviour::by_itself),
        table("as built here", as_built?, behaviour::as_built),
    )?;
    by_itself.print();
    println!();
    as_built.print();
    println!();
    println!("– hyper does not bring this   * and the connection is closed");

    if let Some(duration) = measured {
        println!();
        let mut speed = Table::new("speed", &kinds);
        speed.rows = load::LABELS
            .map(|label| (label.to_owned(), Vec::new()))
            .into();
        for &kind in &kinds {
            // One after the other: they would take each other's cores.
            let cells = load::measure(kind, duration).await?;
            for ((_, row), cell) in speed.rows.iter_mut().zip(cells) {
                row.push(cell);
            }
        }
        speed.print();
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let build = if cfg!(debug_assertions) {
            "a debug build: use --release to compare"
        } else {
            "a release build"
        };
        println!(
            "{} connections, {} each; each server has one thread, and so has the load;\n\
             {cores} cores, {}, {}",
            load::CONNECTIONS,
            format_args!("{:.1} s", duration.as_secs_f64()),
            std::env::consts::OS,
            build,
        );
    }
    Ok(())
}

/// What is seen of each of these servers.
async fn table<F>(
    title: &'static str,
    servers: Vec<(Kind, Server)>,
    look: impl Fn(Kind, Server) -> F,
) -> Result<Table, String>
where
    F: Future<Output = Result<behaviour::Column, String>>,
{
    let kinds: Vec<Kind> = servers.iter().map(|(kind, _)| *kind).collect();
    let columns = servers.into_iter().map(|(kind, server)| look(kind, server));
    let mut table = Table::new(title, &kinds);
    for column in try_join_all(columns).await? {
        table
            .rows
            .resize_with(column.len(), || (String::new(), Vec::new()));
        for (row, (label, cell)) in table.rows.iter_mut().zip(column) {
            label.clone_into(&mut row.0);
            row.1.push(cell);
        }
    }
    Ok(table)
}
