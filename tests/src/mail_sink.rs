//! A mail server that keeps what it is given: as much of SMTP (RFC 5321) as a client needs to hand over
//! mails, told honestly.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// A mail as it arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrived {
    /// The envelope's recipient.
    pub recipient: String,
    /// Header and body, lines ended by `\n`.
    pub text: String,
}

impl Arrived {
    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        let prefix = format!("{}:", name.to_ascii_lowercase());
        let head = self.text.split("\n\n").next().unwrap_or_default();
        head.lines()
            .find(|line| line.to_ascii_lowercase().starts_with(&prefix))
            .map(|line| line[prefix.len()..].trim())
    }

    /// The body, decoded from quoted-printable.
    pub fn body(&self) -> String {
        let body = self.text.split_once("\n\n").map(|(_, body)| body).unwrap_or_default().replace("=\n", "");
        let mut bytes = Vec::with_capacity(body.len());
        let mut rest = body.as_bytes();
        while let [first, after @ ..] = rest {
            let hex = after.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
            if let Some(byte) =
                hex.filter(|_| *first == b'=').and_then(|hex| u8::from_str_radix(hex, 16).ok())
            {
                bytes.push(byte);
                rest = &after[2..];
            } else {
                bytes.push(*first);
                rest = after;
            }
        }
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

/// What the server does with a mail instead of taking it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    /// Busy: `451`.
    Busy,
    /// Knows nobody there: `550`.
    Unknown,
    /// Takes the mail and goes away before it says so.
    GoneAfterTaking,
}

#[derive(Debug, Default)]
struct Kept {
    arrived: Vec<Arrived>,
    moods: VecDeque<Mood>,
}

/// A running mail server; it ends with the runtime.
#[derive(Debug, Clone)]
pub struct MailSink {
    address: SocketAddr,
    kept: Arc<Mutex<Kept>>,
}

impl MailSink {
    /// Starts one on a free port.
    pub async fn start() -> std::io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let sink = Self { address: listener.local_addr()?, kept: Arc::default() };
        let kept = Arc::clone(&sink.kept);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let kept = Arc::clone(&kept);
                // A client that goes away is no fault of the server.
                tokio::spawn(async move { _ = converse(stream, &kept).await });
            }
        });
        Ok(sink)
    }

    /// The address for `mail.smtp`.
    pub fn url(&self) -> String {
        format!("smtp://{}", self.address)
    }

    /// What arrived so far.
    pub fn arrived(&self) -> Vec<Arrived> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).arrived.clone()
    }

    /// What to do with the next mails, one after the other.
    pub fn be(&self, moods: impl IntoIterator<Item = Mood>) {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).moods.extend(moods);
    }
}

async fn converse(stream: TcpStream, kept: &Mutex<Kept>) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    stream.write_all(b"220 sink.test ESMTP\r\n").await?;
    let mut recipient = None;
    let mut line = String::new();
    loop {
        line.clear();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let command = line.trim_end().to_ascii_uppercase();
        let lock = || kept.lock().unwrap_or_else(PoisonError::into_inner);
        let answer: &str = match command.split([' ', ':']).next().unwrap_or_default() {
            "EHLO" => "250-sink.test\r\n250 8BITMIME\r\n",
            "HELO" | "NOOP" => "250 ok\r\n",
            "MAIL" | "RSET" => {
                recipient = None;
                "250 ok\r\n"
            }
            "RCPT" => {
                let mood = lock().moods.front().copied();
                match mood {
                    Some(Mood::Busy) => {
                        lock().moods.pop_front();
                        "451 4.3.0 try again later\r\n"
                    }
                    Some(Mood::Unknown) => {
                        lock().moods.pop_front();
                        "550 5.1.1 nobody here\r\n"
                    }
                    Some(Mood::GoneAfterTaking) | None => {
                        let address = line.split_once('<').and_then(|(_, rest)| rest.split_once('>'));
                        recipient = address.map(|(address, _)| address.to_owned());
                        "250 ok\r\n"
                    }
                }
            }
            "DATA" => match recipient.take() {
                None => "503 5.5.1 whom to?\r\n",
                Some(recipient) => {
                    stream.write_all(b"354 go on\r\n").await?;
                    let text = data(&mut stream).await?;
                    let gone = {
                        let mut kept = lock();
                        kept.arrived.push(Arrived { recipient, text });
                        kept.moods.pop_front() == Some(Mood::GoneAfterTaking)
                    };
                    if gone {
                        return Ok(());
                    }
                    "250 2.0.0 taken\r\n"
                }
            },
            "QUIT" => {
                stream.write_all(b"221 bye\r\n").await?;
                return Ok(());
            }
            _ => "502 5.5.2 not here\r\n",
        };
        stream.write_all(answer.as_bytes()).await?;
    }
}

/// Up to the line with a single dot; dots that begin a line were doubled (§4.5.2).
async fn data(stream: &mut BufReader<TcpStream>) -> std::io::Result<String> {
    let mut text = String::new();
    let mut line = String::new();
    loop {
        line.clear();
        if stream.read_line(&mut line).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        let line = line.trim_end_matches(['\r', '\n']);
        if line == "." {
            return Ok(text);
        }
        text.push_str(line.strip_prefix('.').unwrap_or(line));
        text.push('\n');
    }
}
