//! Who is calling or signing in: API keys, passwords, bearer secrets, and permissions at the gRPC door.
//!
//! A call names its key in `authorization: Bearer mk_<id>.<secret>`. A [`Guard`] turns that into a
//! [`Caller`], who may do what the key's roles allow on the key's one site, and nothing else. What a
//! role may do is one table: [`Role::allows`](moderato_domain::Role::allows).
//!
//! | module | what it does |
//! |---|---|
//! | [`key`] | makes keys, reads them, compares them without telling how far they matched |
//! | [`guard`] | who is calling, and may they |
//! | [`password`] | what people sign in with, hashed slowly and a few at a time |
//! | [`secret`] | random secrets that open a session or a link |
//! | [`framing`] | what the transport says about unreadable messages, in our error codes |
//!
//! Every RPC has a constant with the [`Permission`](moderato_domain::Permission) it needs, next to
//! its method.

pub mod framing;
pub mod guard;
pub mod key;
pub mod password;
pub mod secret;

pub use framing::{Oversize, OversizeLayer};
pub use guard::{Caller, Guard};
pub use key::{ApiKeySecret, mint};
pub use password::{Busy, NewPassword, Passwords, UnfitPassword};
pub use secret::BearerSecret;
