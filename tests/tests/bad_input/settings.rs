//! Configurations with mistakes: refused at the start, in words that say what was meant.

use std::process::Output;

use moderato_tests::deployment::{Deployment, moderato};
use tempfile::TempDir;

use crate::support::undisturbed;

/// Runs a command in an empty folder, with this configuration file and these variables.
async fn run(arguments: &[&str], file: &str, variables: &[(&str, &str)]) -> (Output, TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("moderato.toml"), file).expect("written");
    let mut command = moderato();
    command.args(arguments).args(["--config", "moderato.toml"]).envs(variables.iter().copied());
    command.current_dir(folder.path());
    let output =
        tokio::task::spawn_blocking(move || command.output()).await.expect("no panic").expect("it runs");
    (output, folder)
}

/// Asserts that `serve` refuses to start with these words, and `config check` says the same.
async fn refuses_to_start(file: &str, variables: &[(&str, &str)], expected: &str) {
    for arguments in [&["serve", "--listen", "127.0.0.1:0"][..], &["config", "check"]] {
        let (output, folder) = run(arguments, file, variables).await;
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {told}");
        assert!(told.contains(expected), "{arguments:?}: {expected:?} is missing in {told}");
        assert!(!folder.path().join("data").exists(), "nothing was touched");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_keys_and_variables_are_refused_with_the_nearest_name() {
    let file = "[worker]\nbacth = 16\n";
    refuses_to_start(file, &[], "there is no key `worker.bacth`; did you mean `worker.batch`?").await;
    refuses_to_start("[quue]\nprefix = \"x\"\n", &[], "there is no section `quue`; did you mean `queue`?")
        .await;
    let variable = [("MODERATO_QUEUE_MAX_MESAGES", "5")];
    let expected = "no variable `MODERATO_QUEUE_MAX_MESAGES`; did you mean `MODERATO_QUEUE_MAX_MESSAGES`?";
    refuses_to_start("", &variable, expected).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn values_that_make_no_sense_are_refused_where_they_stand() {
    let variable = [("MODERATO_WORKER_BATCH", "many")];
    refuses_to_start("", &variable, "MODERATO_WORKER_BATCH: `worker.batch` must be a whole number").await;
    refuses_to_start("[worker]\nbatch = 0\n", &[], "moderato.toml: `worker.batch` must be a whole number")
        .await;
    refuses_to_start("roles = [\"cook\"]\n", &[], "moderato.toml: `roles` must be").await;
    refuses_to_start("[listen\n", &[], "moderato.toml is not TOML").await;
    refuses_to_start("[tls]\ncert = \"c.pem\"\n", &[], "tls.cert is set but tls.key is not").await;
    // A password is not repeated.
    let secret = [("DATABASE_URL", "mysql://ann:hunter2@db/x")];
    let (output, _) = run(&["config", "check"], "", &secret).await;
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.contains("`store.url` must be an address") && !told.contains("hunter2"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn contradictions_are_warned_about_and_do_not_stop_the_start() {
    let settings = [("MODERATO_WORKER_PREFETCH", "1"), ("MODERATO_INGEST_STREAM_IN_FLIGHT", "8")];
    let warnings = [
        "worker.prefetch 1 messages of ingest.group_items 256 are fewer than worker.batch 512",
        "ingest.stream_in_flight 8 is smaller",
    ];
    let deployment = Deployment::embedded_with(&settings).await;
    let log = deployment.log_text("all");
    let checked = deployment.cli_ok(&["config", "check"]).await;
    for warning in warnings {
        assert!(log.contains(warning), "{warning:?} is missing in the log\n{log}");
        assert!(checked.contains(&format!("warning: {warning}")), "{checked}");
    }
    undisturbed(&deployment, 0).await;
}
