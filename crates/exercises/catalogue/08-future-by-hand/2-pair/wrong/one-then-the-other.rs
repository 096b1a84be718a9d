// misconception: wait-for-all-before-polling

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

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // Its futures are boxed, so the pair itself may be moved, and taken apart.
        let this = self.get_mut();
        if this.first_done.is_none() {
            match this.first.as_mut().poll(cx) {
                Poll::Ready(value) => this.first_done = Some(value),
                Poll::Pending => return Poll::Pending,
            }
        }
        match this.second.as_mut().poll(cx) {
            Poll::Ready(value) => this.second_done = Some(value),
            Poll::Pending => return Poll::Pending,
        }
        match (this.first_done.take(), this.second_done.take()) {
            (Some(first), Some(second)) => Poll::Ready((first, second)),
            _ => Poll::Pending,
        }
    }
}
