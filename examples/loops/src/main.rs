//! A server to try clients with: `cargo run --manifest-path examples/loops/Cargo.toml [ADDRESS]`.

use std::sync::Arc;

use sans_mqtt_loops::{hub::Hub, server};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or("localhost:1883".into());
    let listener = TcpListener::bind(&address).await?;
    println!("listening on {}", listener.local_addr()?);
    server::listen(listener, Arc::new(Hub::default())).await
}
