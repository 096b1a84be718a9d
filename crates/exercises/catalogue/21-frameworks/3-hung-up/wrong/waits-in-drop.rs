// misconception: block-on-inside

use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures::executor::block_on;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::sleep;

#[derive(Default)]
pub struct Shop {
    /// What has happened, as `charged 7`.
    pub events: Mutex<Vec<String>>,
}

#[derive(Debug)]
pub struct Declined;

impl Shop {
    fn note(&self, event: String) {
        let mut events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        events.push(event);
    }

    async fn price(&self, order: u32) -> u32 {
        sleep(Duration::from_secs(1)).await;
        self.note(format!("priced {order}"));
        100 * order
    }

    /// The bank has booked it half a second before its answer is here.
    async fn charge(&self, order: u32, cents: u32) -> Result<(), Declined> {
        sleep(Duration::from_millis(500)).await;
        if cents > 5000 {
            return Err(Declined);
        }
        self.note(format!("charged {order}"));
        sleep(Duration::from_millis(500)).await;
        Ok(())
    }

    async fn store(&self, order: u32) {
        sleep(Duration::from_secs(1)).await;
        self.note(format!("stored {order}"));
    }
}

/// Stores the order also if the handler is dropped.
struct Paid {
    order: u32,
    shop: Arc<Shop>,
}

impl Drop for Paid {
    fn drop(&mut self) {
        block_on(self.shop.store(self.order));
    }
}

async fn buy(order: u32, shop: Arc<Shop>) -> StatusCode {
    let cents = shop.price(order).await;
    if shop.charge(order, cents).await.is_err() {
        return StatusCode::PAYMENT_REQUIRED;
    }
    drop(Paid { order, shop });
    StatusCode::CREATED
}

async fn answer(request: Request<Incoming>, shop: Arc<Shop>) -> Response<Full<Bytes>> {
    let order = request.uri().path().trim_start_matches('/').parse();
    let status = match order {
        Ok(order) => buy(order, shop).await,
        Err(_) => StatusCode::NOT_FOUND,
    };
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response
}

pub async fn serve(io: impl AsyncRead + AsyncWrite + Unpin, shop: Arc<Shop>) {
    let service =
        service_fn(async |request| Ok::<_, Infallible>(answer(request, shop.clone()).await));
    let connection = http1::Builder::new().serve_connection(TokioIo::new(io), service);
    // A client that leaves is no error of ours.
    let _ = connection.await;
}
