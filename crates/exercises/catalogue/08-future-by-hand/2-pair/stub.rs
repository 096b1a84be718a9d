// Two at once, by hand                          complete, chapter 08-future-by-hand
//
// `Pair` is `join!` for two futures: it is ready when both are, and gives both values. Write its
// `poll`, without `.await` and without the macro. The two must overlap.

use std::pin::Pin;
use std::task::{Context, Poll};

pub struct Pair<A: Future, B: Future> {
    first: Pin<Box<A>>,
    second: Pin<Box<B>>,
    first_done: Option<A::Output>,
    second_done: Option<B::Output>,
}

pub fn pair<A: Future, B: Future>(first: A, second: B) -> Pair<A, B> {
    Pair {
        first: Box::pin(first),
        second: Box::pin(second),
        first_done: None,
        second_done: None,
    }
}

impl<A, B> Future for Pair<A, B>
where
    A: Future<Output: Unpin>,
    B: Future<Output: Unpin>,
{
    type Output = (A::Output, B::Output);

    fn poll(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Self::Output> {
        // Its futures are boxed, so the pair itself may be moved, and taken apart.
        let _this = self.get_mut();
        todo!("poll both")
    }
}
