// A long answer                                               complete, chapter 22-database
//
// `export` sends the rows of a query to a client, a line such as "7: milk" for each, and says how
// many it has sent. There are more rows than fit into memory, and the client may be slow: keep no
// more of them than a few. If the database breaks its answer off, the result is `Broken`. If the
// client leaves, it is `Gone`, at once, also when the database thinks for ten minutes about its next
// row. The stream has the connection: whenever `export` ends, or is dropped, it must be gone, too.
// (That a receiver is gone, its `mpsc::Sender` knows: look what it has beside `send`.)

use futures::stream::BoxStream;
use tokio::sync::mpsc;

pub struct Row {
    pub id: u32,
    pub title: String,
}

#[derive(Debug, PartialEq, Eq)]
pub enum Failed {
    /// The database broke its answer off.
    Broken,
    /// The client has left.
    Gone,
}

/// The answer to a query, row by row. It has the connection for as long as it lives.
pub type Rows = BoxStream<'static, Result<Row, Failed>>;

pub async fn export(mut rows: Rows, client: mpsc::Sender<String>) -> Result<usize, Failed> {
    todo!("send each row, until there are no more, or nobody wants them")
}
