//! Bad input over real connections to the real binary: each gets a clear, typed answer or a dead
//! letter with a reason, and disturbs nothing else.
//!
//! | module | what comes in |
//! |---|---|
//! | `callers` | calls without a good key, or for another site |
//! | `messages` | bytes that are too many, or no message at all; clients that vanish |
//! | `texts` | texts nobody can see, or that are made to deceive |
//! | `imports` | files with broken rows |
//! | `revisions` | retries with other content, edits of the wrong comment or too late |
//! | `tokens` | page and resume tokens of other requests |
//! | `foreign` | messages on the queue that ingest did not put there |
//! | `capacity` | more than the queue or the disk holds |
//! | `settings` | configurations with mistakes |
//! | `doors` | callers without encryption; health and reflection |

mod callers;
mod capacity;
mod doors;
mod foreign;
mod imports;
mod messages;
mod revisions;
mod settings;
mod support;
mod texts;
mod tokens;
