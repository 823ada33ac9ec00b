//! Any texts from a platform: a draft is admitted, or refused with at least one violation; what is
//! admitted travels over the queue unchanged.
#![no_main]

use libfuzzer_sys::fuzz_target;
use moderato_api::internal::{Submission, decode, encode};
use moderato_domain::{CommentDraft, SiteSettings};
use moderato_fuzz::{arrival, texts};

fuzz_target!(|data: &[u8]| {
    let mut texts = texts(data);
    let mut next = || texts.next().unwrap_or_default();
    let draft = CommentDraft {
        thread: next(),
        body: next(),
        display_name: next(),
        email: next(),
        url: next(),
        ip: next(),
        parent: next(),
        user_id: next(),
        language: next(),
        permalink: next(),
        user_agent: next(),
        referrer: next(),
        guidelines_version: next(),
        attachments: vec![(next(), 1)],
        ..CommentDraft::default()
    };
    let strict = SiteSettings {
        email_required: true,
        body_min_chars: 3,
        guidelines_version: Some("v1".to_owned()),
        ..SiteSettings::default()
    };
    if let Err(violations) = draft.clone().admit(&strict, arrival()) {
        assert!(!violations.is_empty());
    }
    match draft.admit(&SiteSettings::default(), arrival()) {
        Ok(comment) => {
            let submission = Submission::Comment(Box::new(comment));
            let items = decode(&encode(&submission)).expect("our own bytes");
            assert_eq!(items[0].submission.as_ref(), Ok(&submission));
        }
        Err(violations) => assert!(!violations.is_empty()),
    }
});
