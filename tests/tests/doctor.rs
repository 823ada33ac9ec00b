//! `moderato doctor` and `moderato audit verify` on an installation that somebody has been at with other
//! tools: each check fails when what it looks at is broken, says what, and is content when it is mended.

use std::path::PathBuf;
use std::process::Output;

use moderato_api::pb::query::AwaitVerdictRequest;
use moderato_tests::deployment::Deployment;
use moderato_tests::sample::submission;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, raw_sql};

/// What is broken, how it is mended, and what the command says in between.
struct Damage {
    breaks: &'static str,
    mends: &'static str,
    says: &'static str,
}

const DAMAGES: &[Damage] = &[
    Damage {
        breaks: "UPDATE comments SET queue = 'spam'",
        mends: "UPDATE comments SET queue = 'pending'",
        says: "1 of 1 comments wait in the wrong queue, such as sites/blog/comments/",
    },
    Damage {
        breaks: "UPDATE comments SET reported = 2, queue = 'reported'",
        mends: "UPDATE comments SET reported = 0, queue = 'pending'",
        says: "1 of 1 comments are not reported or appealed as was filed, such as sites/blog/comments/",
    },
    Damage {
        breaks: "INSERT INTO appeals (puid, site_id, comment_id, revision, words, status, create_time_ms)
                 SELECT 'p', site_id, comment_id, 1, 'No!', 'open', 1 FROM comments",
        mends: "DELETE FROM appeals",
        says: "1 of 1 comments are not reported or appealed as was filed",
    },
    Damage {
        breaks: "INSERT INTO rejections_set_aside VALUES ('blog', 'c1', 1, 3, 1)",
        mends: "DELETE FROM rejections_set_aside",
        says: "1 cannot be carried out, such as about sites/blog/comments/c1",
    },
    Damage {
        breaks: "CREATE TABLE kept AS SELECT * FROM rule_set_activations; DELETE FROM rule_set_activations",
        mends: "INSERT INTO rule_set_activations SELECT * FROM kept; DROP TABLE kept",
        says: "none: start the service once",
    },
    Damage {
        breaks:
            "INSERT INTO queue_messages (place, message_id, kind, schema, items, first_accept_ms, attempt,
                     available_at_ms, enqueue_time_ms, body_bytes, body)
                 VALUES ('dead', zeroblob(16), 'x', 1, 1, 0, 1, 0, 0, 1, zeroblob(1))",
        mends: "DELETE FROM queue_messages",
        says: "1: `moderato queue dead list` says why",
    },
    Damage {
        breaks: "CREATE TABLE kept AS SELECT checksum FROM _sqlx_migrations WHERE version = 2;
                 UPDATE _sqlx_migrations SET checksum = zeroblob(48) WHERE version = 2",
        mends: "UPDATE _sqlx_migrations SET checksum = (SELECT checksum FROM kept) WHERE version = 2;
                DROP TABLE kept",
        says: "migration 2 was previously applied but has been modified",
    },
];

/// Of the audit log, which `audit verify` looks at, too.
const FORGERIES: &[Damage] = &[
    Damage {
        breaks: "UPDATE audit_log SET actor_name = actor_name || '!' WHERE entry_seq = 2",
        mends: "UPDATE audit_log SET actor_name = rtrim(actor_name, '!') WHERE entry_seq = 2",
        says: "entry 2 is not what was written",
    },
    Damage {
        breaks: "CREATE TABLE kept AS SELECT * FROM audit_log WHERE entry_seq = 2;
                 DELETE FROM audit_log WHERE entry_seq = 2",
        mends: "INSERT INTO audit_log SELECT * FROM kept; DROP TABLE kept",
        says: "entry 2 is missing",
    },
    Damage {
        breaks: "CREATE TABLE kept AS SELECT * FROM audit_log WHERE entry_seq > 1;
                 DELETE FROM audit_log WHERE entry_seq > 1",
        mends: "INSERT INTO audit_log SELECT * FROM kept; DROP TABLE kept",
        says: "the log ends at entry 1, and should end at 3",
    },
];

/// The file of a deployment that is stopped.
struct Stopped {
    deployment: Deployment,
    file: PathBuf,
}

impl Stopped {
    async fn tamper(&self, statements: &'static str) {
        let options = SqliteConnectOptions::new().filename(&self.file);
        let mut connection = options.connect().await.expect("the file opens");
        raw_sql(statements).execute(&mut connection).await.expect("tampered with");
        connection.close().await.expect("closed");
    }

    async fn check(&self, damage: &Damage, commands: &[&[&str]]) {
        self.tamper(damage.breaks).await;
        for command in commands {
            let output = self.deployment.cli(command).await;
            assert_eq!(output.status.code(), Some(1), "{command:?} after {}", damage.breaks);
            let told = told(&output);
            assert!(told.contains(damage.says), "{command:?} after {}: {told}", damage.breaks);
        }
        self.tamper(damage.mends).await;
        for command in commands {
            self.deployment.cli_ok(command).await;
        }
    }
}

fn told(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[tokio::test]
async fn every_check_fails_when_what_it_looks_at_is_broken() {
    let deployment = Deployment::embedded().await;
    let name = deployment.ingest().submit_comment(submission("c1", "post-1", "Thank you!")).await;
    let comment = name.expect("accepted").into_inner().name;
    let verdict = AwaitVerdictRequest { comment, revision: 1, timeout: None };
    deployment.query().await_verdict(verdict).await.expect("a verdict");
    // What operators do stands in the audit log.
    deployment.cli_ok(&["sites", "set", "blog", "--second-look-percent", "10"]).await;
    deployment.cli_ok(&["sites", "create", "news"]).await;
    deployment.terminate("all").await;
    let file = deployment.data_dir().join("moderato.db");
    let stopped = Stopped { deployment, file };

    stopped.deployment.cli_ok(&["doctor"]).await;
    let entries = stopped.deployment.cli_ok(&["audit", "verify"]).await;
    assert!(entries.contains("3 entries, unchanged"), "{entries}");
    for damage in DAMAGES {
        stopped.check(damage, &[&["doctor"]]).await;
    }
    for forgery in FORGERIES {
        stopped.check(forgery, &[&["doctor"], &["audit", "verify"]]).await;
    }
}
