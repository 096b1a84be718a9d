// Lagged                                                 fix, chapter 23-chat
//
// `follow` shows what is said in a room until the room closes. After a burst of messages the screen
// stands still although people go on talking. Mend it: whenever messages were overwritten before
// they could be shown, `(7 missed)` is shown in their place, and it goes on with the oldest that is
// left. It ends when the room closes, and then everything that was still there has been shown.

use tokio::sync::broadcast;

/// `show` puts a line on the screen, which takes a while.
pub async fn follow(mut room: broadcast::Receiver<String>, mut show: impl AsyncFnMut(String)) {
    while let Ok(text) = room.recv().await {
        show(text).await;
    }
}
