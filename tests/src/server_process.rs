//! A server process that cannot outlive the test process.
//!
//! A small shell stands between: it starts the server, then reads its standard input. A line names
//! the signal to stop the server with; end of file means that the test process is gone, whatever
//! killed it, so the server is ended and its folder removed. (`PR_SET_PDEATHSIG` would not do: it
//! fires when the *thread* that started the server ends, and every test has threads of its own.)

use std::fs;
use std::io::{self, BufRead as _, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

const WATCHDOG: &str = r#"
end_signal=$1; log=$2; folder=$3; shift 3
# A write beyond a limit on file sizes shall fail, as on a full disk, not kill.
trap '' XFSZ
"$@" </dev/null >>"$log" 2>&1 &
server=$!
echo "$server"
if read -r signal; then
    kill -s "$signal" "$server"
    wait "$server"
else
    kill -s "$end_signal" "$server"
    wait "$server"
    # What the server started (browsers) may write a little longer than it runs.
    for again in 1 2 3 4 5 6 7 8 9 10; do
        rm -rf "$folder"
        sleep 0.5
        [ -e "$folder" ] || [ "$again" -lt 3 ] || break
    done
fi
"#;

/// What to run, and how it ends.
#[derive(Debug)]
pub(crate) struct Launch {
    /// The server's command line with its environment.
    pub(crate) command: Command,
    /// Where its output goes.
    pub(crate) log: PathBuf,
    /// Removed when the test process ends without stopping the server.
    pub(crate) folder: PathBuf,
    /// The signal that ends the server quickly and leaves nothing behind.
    pub(crate) end_signal: &'static str,
}

/// A running server.
#[derive(Debug)]
pub(crate) struct ServerProcess {
    watchdog: Child,
    pid: u32,
    end_signal: &'static str,
}

impl ServerProcess {
    /// Starts it. Whether it is ready is for the caller to find out.
    pub(crate) fn start(launch: &Launch) -> io::Result<Self> {
        let mut shell = Command::new("sh");
        shell.args(["-c", WATCHDOG, "watchdog", launch.end_signal]).arg(&launch.log).arg(&launch.folder);
        shell.arg(launch.command.get_program()).args(launch.command.get_args());
        shell.env_clear();
        for (name, value) in launch.command.get_envs() {
            if let Some(value) = value {
                shell.env(name, value);
            }
        }
        // A group of its own: Ctrl-C at a terminal reaches the test process alone, which ends, and
        // then the watchdog does its work.
        shell.process_group(0).current_dir("/");
        let mut watchdog =
            shell.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let mut pid = String::new();
        if let Some(stdout) = watchdog.stdout.take() {
            io::BufReader::new(stdout).read_line(&mut pid)?;
        }
        let pid = pid.trim().parse().map_err(io::Error::other)?;
        Ok(Self { watchdog, pid, end_signal: launch.end_signal })
    }

    /// The server's process id.
    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// Sends a signal and waits until the server is gone. Blocks.
    pub(crate) fn stop(mut self, signal: &str) -> io::Result<()> {
        self.signal_and_wait(signal)
    }

    fn signal_and_wait(&mut self, signal: &str) -> io::Result<()> {
        if let Some(mut stdin) = self.watchdog.stdin.take() {
            writeln!(stdin, "{signal}")?;
            self.watchdog.wait()?;
        }
        Ok(())
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        let signal = self.end_signal;
        // Nothing can be done about a failure here, and the watchdog sees the end of its input.
        let _ = self.signal_and_wait(signal);
    }
}

/// The environment that a server's programs start from: nothing of the caller's but the path.
pub(crate) fn clean_environment(command: &mut Command) {
    let path =
        std::env::var_os("PATH").unwrap_or_else(|| "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin".into());
    command.env_clear().env("PATH", path).env("LANG", "C.UTF-8").env("LC_ALL", "C.UTF-8");
}

/// Runs a command to its end and returns what it printed.
pub(crate) fn run(command: &mut Command) -> anyhow::Result<String> {
    let output = command.stdin(Stdio::null()).output()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    anyhow::ensure!(
        output.status.success(),
        "{command:?}: {text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(text)
}

/// The end of a log, for the message of a failed start.
pub(crate) fn tail(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(30)..].join("\n")
}
