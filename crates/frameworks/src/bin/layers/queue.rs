//! Tower layers whose order matters: one request at a time, and what becomes of the others.

use std::time::Duration;

use bytes::Bytes;
use common::{Stage, Trace as _};
use futures::future::join;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::{Request, Response, StatusCode};
use tokio::time::Instant;
use tower::{BoxError, Service, ServiceBuilder, ServiceExt as _, service_fn};

use crate::client::{self, last};
use crate::connection::answer;
use crate::time_limit::serve;

const LIMIT: Duration = Duration::from_millis(500);

pub(crate) async fn run(stage: &Stage) {
    println!("queue: one request at a time; two come at once, each takes 0.3 s");
    let shed_outside = ServiceBuilder::new()
        .map_result(refused)
        .load_shed()
        .concurrency_limit(1)
        .service(service_fn(answer));
    show(stage, "load_shed, limit", shed_outside).await;

    let shed_inside = ServiceBuilder::new()
        .map_result(refused)
        .concurrency_limit(1)
        .load_shed()
        .service(service_fn(answer));
    show(stage, "limit, load_shed", shed_inside).await;

    let timeout = ServiceBuilder::new()
        .map_result(refused)
        .timeout(LIMIT)
        .concurrency_limit(1)
        .service(service_fn(answer));
    show(stage, "timeout(0.5), limit", timeout).await;

    let limited = ServiceBuilder::new()
        .concurrency_limit(1)
        .service(service_fn(answer));
    let timeout = ServiceBuilder::new()
        .map_result(refused)
        .timeout(LIMIT)
        // Always ready, so the wait for the permit is a part of the call.
        .service_fn(move |request| limited.clone().oneshot(request));
    show(stage, "timeout(0.5), call, limit", timeout).await;
}

/// Whatever error a layer has, the client gets an answer.
fn refused(
    result: Result<Response<Full<Bytes>>, BoxError>,
) -> Result<Response<Full<Bytes>>, BoxError> {
    result.or_else(|error| {
        let mut response = Response::new(Full::from(error.to_string()));
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        Ok(response)
    })
}

async fn show<S>(stage: &Stage, what: &str, service: S)
where
    S: Service<Request<Incoming>, Response = Response<Full<Bytes>>, Error = BoxError>,
    S: Clone + Send + 'static,
    S::Future: Send,
{
    stage.scene(what);
    let begin = Instant::now();
    let one = async |number| {
        let (socket, server) = client::connection();
        // A clone: both connections share the one permit of the limit.
        tokio::spawn(serve(server, service.clone()));
        let request = last("/slow");
        let pieces = [&*request];
        let answer = client::send(socket, &pieces);
        let answer = answer.traced(format!("request({number})")).await;
        format!("{answer} after {:.1} s", begin.elapsed().as_secs_f64())
    };
    let (first, second) = join(one(1), one(2)).await;
    println!("  {what:<27}{first}");
    println!("  {:<27}{second}", "");
}
