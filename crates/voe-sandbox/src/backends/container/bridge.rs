//! A process on the host that stands in for the toolbox in the container: it forwards standard input and output. So voe's
//! client needs no knowledge of engines, and ends the toolbox like any other process.

use std::process::ExitCode;

use bollard::Docker;
use bollard::container::LogOutput;
use bollard::exec::StartExecResults;
use bollard::models::ExecConfig;
use futures_util::StreamExt;
use tokio::io::AsyncWriteExt;

/// Runs `command` in a container of the engine at `address` until it ends or standard input does.
pub(crate) fn run(address: &str, container: &str, command: Vec<String>) -> ExitCode {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else {
        return ExitCode::FAILURE;
    };
    let code = runtime.block_on(bridge(address, container, command));
    // Not joined: a thread may still be reading standard input.
    runtime.shutdown_background();
    match code {
        Ok(code) => ExitCode::from(u8::try_from(code).unwrap_or(u8::MAX)),
        Err(error) => {
            #[expect(clippy::print_stderr, reason = "voe gives it no terminal")]
            let () = eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn bridge(address: &str, container: &str, command: Vec<String>) -> Result<i64, bollard::errors::Error> {
    let docker = Docker::connect_with_host(address)?.negotiate_version().await?;
    let config = ExecConfig {
        attach_stdin: Some(true),
        attach_stdout: Some(true),
        attach_stderr: Some(false),
        cmd: Some(command),
        ..ExecConfig::default()
    };
    let exec = docker.create_exec(container, config).await?;
    let StartExecResults::Attached { mut output, mut input } = docker.start_exec(&exec.id, None).await? else {
        return Ok(1);
    };
    let feed = tokio::spawn(async move {
        let _ = tokio::io::copy(&mut tokio::io::stdin(), &mut input).await;
        let _ = input.shutdown().await;
    });
    #[expect(clippy::disallowed_methods, reason = "a pipe to voe")]
    let mut out = tokio::io::stdout();
    while let Some(Ok(piece)) = output.next().await {
        if let LogOutput::StdOut { message } | LogOutput::Console { message } = piece
            && (out.write_all(&message).await.is_err() || out.flush().await.is_err())
        {
            break;
        }
    }
    feed.abort();
    Ok(docker.inspect_exec(&exec.id).await?.exit_code.unwrap_or(1))
}
