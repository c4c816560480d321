//! `broker [ADDRESS]`: an address with a port, or a port alone; 127.0.0.1:1883 if nothing is said.

use std::env;
use std::process::ExitCode;

use broker::Shared;
use tokio::net::TcpListener;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let address = env::args().nth(1).unwrap_or_else(|| "1883".into());
    let address = if address.contains(':') { address } else { format!("127.0.0.1:{address}") };
    let listener = match TcpListener::bind(&address).await {
        Ok(listener) => listener,
        Err(error) => {
            eprintln!("broker: can't listen on {address}: {error}");
            return ExitCode::FAILURE;
        }
    };
    if let Ok(address) = listener.local_addr() {
        println!("listening on {address}");
    }
    Shared::default().listen(listener).await;
    ExitCode::SUCCESS
}
