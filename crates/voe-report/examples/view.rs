//! Serves run directories or trajectories: `cargo run --example view -- PORT RUN…`; `export DIR RUN…` writes files instead.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use voe_report::viewer::{ViewOptions, export::export, server::ViewServer};

#[tokio::main]
async fn main() -> Result<(), voe_report::ReportError> {
    let mut args = std::env::args().skip(1);
    let first = args.next().unwrap_or_default();
    if first == "export" {
        let folder = std::path::PathBuf::from(args.next().unwrap_or_default());
        let options = ViewOptions { inputs: args.collect(), ..ViewOptions::default() };
        println!("{} attempts in {}", export(&options, &folder)?, folder.display());
        return Ok(());
    }
    let began = std::time::Instant::now();
    let options = ViewOptions { port: first.parse().unwrap(), inputs: args.collect(), ..ViewOptions::default() };
    let server = ViewServer::bind(&options).await?;
    println!("http://{} shows {} attempts, indexed in {:.1?}", server.address(), server.attempts(), began.elapsed());
    server.run(std::future::pending()).await
}
