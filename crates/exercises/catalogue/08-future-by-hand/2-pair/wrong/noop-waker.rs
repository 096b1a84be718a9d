// misconception: pending-means-ask-again

use std::pin::Pin;
use std::task::{Context, Poll, Waker};

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
        let mut own = Context::from_waker(Waker::noop());
        if this.first_done.is_none()
            && let Poll::Ready(value) = this.first.as_mut().poll(&mut own)
        {
            this.first_done = Some(value);
        }
        if this.second_done.is_none()
            && let Poll::Ready(value) = this.second.as_mut().poll(&mut own)
        {
            this.second_done = Some(value);
        }
        if let (Some(_), Some(_)) = (&this.first_done, &this.second_done)
            && let (Some(first), Some(second)) = (this.first_done.take(), this.second_done.take())
        {
            return Poll::Ready((first, second));
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}
