//! A small shop on axum that counts its requests with axum-prometheus: `shop PORT`.

use std::time::Duration;

use axum::{http::StatusCode, routing::get, routing::post, Router};
use axum_prometheus::PrometheusMetricLayer;

async fn create_order() -> StatusCode {
    tokio::time::sleep(Duration::from_millis(150)).await;
    StatusCode::CREATED
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let (layer, handle) = PrometheusMetricLayer::pair();
        let app = Router::new()
            .route("/orders/{id}", get(|| async { "order" }))
            .route("/orders", post(create_order))
            .route("/fail", get(|| async { StatusCode::INTERNAL_SERVER_ERROR }))
            .route("/metrics", get(|| async move { handle.render() }))
            .layer(layer);
        let port = std::env::args().nth(1).unwrap();
        let listener = tokio::net::TcpListener::bind(format!("127.0.0.1:{port}")).await.unwrap();
        axum::serve(listener, app).await.unwrap();
    });
}
