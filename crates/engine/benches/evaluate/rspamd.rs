//! Rspamd as a peer: its own rules on the same texts, over HTTP, as mail. Only where it is installed.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A server of its own: configuration, port and folder are private, and nothing asks the network.
pub(crate) struct Rspamd {
    server: Child,
    folder: PathBuf,
    port: u16,
}

impl Rspamd {
    /// Starts it; `None` if it is not installed or does not come up.
    pub(crate) fn start() -> Option<Self> {
        Command::new("rspamd").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().ok()?;
        let port = TcpListener::bind("127.0.0.1:0").ok()?.local_addr().ok()?.port();
        let folder = std::env::temp_dir().join(format!("moderato-bench-rspamd-{port}"));
        configure(&folder, port).ok()?;
        let variable = |name: &str, folder: &Path| format!("--var={name}={}", folder.display());
        let mut server = Command::new("rspamd")
            .args(["--no-fork", "--insecure", "--config=/etc/rspamd/rspamd.conf"])
            .args(["RUNDIR", "DBDIR", "LOGDIR", "LOCAL_CONFDIR"].map(|name| variable(name, &folder)))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        // The first start compiles some 10,000 suffixes of domains.
        let answers = (0..1_200).any(|_| {
            std::thread::sleep(Duration::from_millis(100));
            TcpStream::connect(("127.0.0.1", port)).is_ok()
        });
        if !answers {
            stop(&mut server, &folder);
            return None;
        }
        let started = Self { server, folder, port };
        // The first answers come from a server that still compiles its expressions.
        (0..20).all(|_| started.check("hello").is_some()).then_some(started)
    }

    /// Has a text judged. It closes each connection after its answer.
    pub(crate) fn check(&self, text: &str) -> Option<()> {
        let mail = format!(
            "From: Kim <kim@mail.example>\r\nTo: blog@blog.example\r\nSubject: comment\r\nMIME-Version: 1.0\r\n\
             Message-ID: <1@mail.example>\r\nDate: Thu, 01 Jan 2026 00:00:00 +0000\r\n\
             Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n{text}\r\n"
        );
        let head =
            format!("POST /checkv2 HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n", mail.len());
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        stream.write_all((head + &mail).as_bytes()).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        answer.starts_with("HTTP/1.1 200").then_some(())
    }
}

impl Drop for Rspamd {
    fn drop(&mut self) {
        stop(&mut self.server, &self.folder);
    }
}

/// Asks the server to end, since a killed one leaves its workers behind.
fn stop(server: &mut Child, folder: &Path) {
    let asked = Command::new("kill").arg(server.id().to_string()).status();
    if !asked.is_ok_and(|status| status.success()) {
        let _ = server.kill();
    }
    let _ = server.wait();
    let _ = fs::remove_dir_all(folder);
}

/// Its stock rules, without the checks that ask DNS, Redis or other servers, in one worker.
fn configure(folder: &Path, port: u16) -> std::io::Result<()> {
    const ASKING: [&str; 22] = [
        "rbl",
        "spf",
        "dkim",
        "dkim_signing",
        "dmarc",
        "arc",
        "asn",
        "fuzzy_check",
        "surbl",
        "phishing",
        "greylist",
        "ratelimit",
        "history_redis",
        "mx_check",
        "neural",
        "replies",
        "url_redirector",
        "milter_headers",
        "hfilter",
        "reputation",
        "bayes_expiry",
        "mid",
    ];
    let local = folder.join("local.d");
    fs::create_dir_all(&local)?;
    for module in ASKING {
        fs::write(local.join(format!("{module}.conf")), "enabled = false;\n")?;
    }
    fs::write(local.join("worker-normal.inc"), format!("bind_socket = \"127.0.0.1:{port}\";\ncount = 1;\n"))?;
    for worker in ["controller", "proxy", "fuzzy"] {
        fs::write(local.join(format!("worker-{worker}.inc")), "enabled = false;\ncount = 0;\n")?;
    }
    fs::write(
        local.join("options.inc"),
        "dns { nameserver = [\"127.0.0.1:9\"]; timeout = 0.001; retransmits = 1; }\n",
    )?;
    fs::write(
        local.join("logging.inc"),
        "type = \"file\"; level = \"error\"; filename = \"$LOGDIR/rspamd.log\";\n",
    )?;
    Ok(())
}
