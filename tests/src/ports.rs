//! Free TCP ports on 127.0.0.1.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::net::{Ipv4Addr, TcpListener};
use std::sync::{LazyLock, Mutex, PoisonError};

/// Below the range that the kernel gives to outgoing connections (32768 and up on Linux), so that a
/// server that is down for a moment finds its port free when it comes back.
const FIRST: u16 = 12_000;
const COUNT: u16 = 20_000;

static TAKEN: LazyLock<Mutex<HashSet<u16>>> = LazyLock::new(Mutex::default);

/// A port that nobody listens on, and that this process has not handed out before.
///
/// # Panics
///
/// When none is left.
pub fn free() -> u16 {
    // Start anywhere, so that test processes side by side do not try the same ports.
    let start = RandomState::new().hash_one(std::process::id()) % u64::from(COUNT);
    let start = u16::try_from(start).expect("smaller than COUNT");
    let mut taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
    (0..COUNT)
        .map(|step| FIRST + (start + step) % COUNT)
        .find(|&port| !taken.contains(&port) && is_free(port) && taken.insert(port))
        .expect("a free port on 127.0.0.1")
}

fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}
