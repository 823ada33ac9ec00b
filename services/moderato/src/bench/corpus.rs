//! Comments that look like comments: varied, repeatable, cheap to make.
//!
//! Sentences are put together once from word lists; a body is a few of them in a row. A small share
//! of comments carries a link, shouts, insults or advertises, so that rules match and reasons are
//! stored as they are on a real site. The same number always gives the same comment.

use moderato_api::pb::ingest as pb;

/// Every run draws from the same text.
const SEED: u64 = 0x006d_6f64_6572_6174;

/// Different sentences: with 4 to 12 in a body, no two bodies of a run are alike.
const SENTENCES: usize = 4096;

/// Longest sentence in bytes; keeps a body under 1,000 bytes.
const SENTENCE_BYTES: usize = 110;

/// Authors who write all the comments: most of them come back.
const AUTHORS: u64 = 20_000;

/// Pages of the site.
const THREADS: u64 = 200;

const OPENINGS: [&str; 24] = [
    "",
    "",
    "",
    "",
    "",
    "",
    "Honestly, ",
    "To be fair, ",
    "As far as I know, ",
    "Last week ",
    "Well, ",
    "In my town ",
    "If I remember right, ",
    "Funny enough, ",
    "After the update ",
    "Thanks for writing this; ",
    "Sorry, but ",
    "Like you said, ",
    "On the other hand, ",
    "Years ago ",
    "Not sure about that: ",
    "For what it’s worth, ",
    "Same here, ",
    "Small correction: ",
];
const SUBJECTS: [&str; 24] = [
    "we",
    "my sister",
    "the whole family",
    "our old neighbour",
    "a friend from work",
    "I",
    "you",
    "most people here",
    "the author",
    "nobody I know",
    "the second paragraph",
    "the recipe",
    "this camera",
    "the new bridge",
    "our teacher",
    "the café on the corner",
    "everyone in the club",
    "the first version",
    "the museum",
    "his brother",
    "the team",
    "my grandmother",
    "the library",
    "the council",
];
const VERBS: [&str; 24] = [
    "tried",
    "never liked",
    "walked past",
    "forgot about",
    "wrote about",
    "asked for",
    "learned from",
    "talked about",
    "was surprised by",
    "could not find",
    "finally understood",
    "had a look at",
    "went back to",
    "really enjoyed",
    "has doubts about",
    "was waiting for",
    "paid too much for",
    "compared notes on",
    "changed",
    "kept",
    "repaired",
    "still remembers",
    "read twice",
    "argued over",
];
const OBJECTS: [&str; 28] = [
    "the bread with rye flour",
    "the long way round the lake",
    "the third chapter",
    "an older lens",
    "the evening train",
    "the garden behind the house",
    "the map in the appendix",
    "that little workshop",
    "the soup without cream",
    "the photographs from 1974",
    "the part about water",
    "her notes",
    "the wooden boats",
    "the meeting in spring",
    "a different kind of yeast",
    "the instructions",
    "the bicycle path",
    "the naïve explanation",
    "the numbers in the table",
    "the concert in the park",
    "the parser",
    "a much simpler design",
    "the tomatoes",
    "the old keyboard",
    "the translation",
    "the view from the tower",
    "the dog’s favourite blanket",
    "the release notes",
];
const ENDINGS: [&str; 20] = [
    ".",
    ".",
    ".",
    " and it worked.",
    " before the rain came.",
    ", which says a lot.",
    " more than once.",
    ", I think.",
    " for about two hours.",
    " without any trouble!",
    ", and so did the children.",
    " in the end.",
    "; has anyone else?",
    " because of your article.",
    " on a Sunday morning.",
    ", to nobody’s surprise.",
    " and would do it again.",
    ", at least in winter.",
    " 🙂",
    "?",
];
const ADVERTISING: [&str; 8] = [
    "Check out my channel for more videos like this one, and please subscribe!",
    "I make money online working from home and earn 300 a day, ask me how.",
    "Buy followers at the best prices, limited time offer, order now.",
    "Online casino with free spins and a no deposit bonus for everyone here.",
    "We offer a personal loan at a low interest rate, contact us today.",
    "Our seo services bring your website traffic to the first page of google.",
    "Congratulations, you have been selected, claim your prize before midnight.",
    "Recover your funds with an expert trader, message me on telegram now.",
];
const INSULTS: [&str; 4] = [
    "You are an idiot and your whole blog is stupid garbage.",
    "What a moron, go back to school before you write about this.",
    "Shut up, nobody asked for the opinion of a clown like you.",
    "This is the dumbest crap I have read in years, you pathetic liar.",
];
const FIRST_NAMES: [&str; 32] = [
    "Ada", "Ben", "Carla", "Dmitri", "Elif", "Farid", "Greta", "Hana", "Ivo", "Jules", "Katja", "Liam",
    "Mei", "Noor", "Oskar", "Priya", "Quentin", "Rosa", "Sven", "Tomás", "Uma", "Viktor", "Wanda", "Xenia",
    "Yusuf", "Zoë", "Anders", "Beatriz", "Chidi", "Dora", "Emeka", "Fiona",
];
const LAST_NAMES: [&str; 24] = [
    "Abbott",
    "Bianchi",
    "Cohen",
    "Duarte",
    "Eriksen",
    "Fischer",
    "Garcia",
    "Haddad",
    "Ito",
    "Jansen",
    "Kowalski",
    "Lindqvist",
    "Moreau",
    "Nakamura",
    "Okafor",
    "Petrov",
    "Quist",
    "Rossi",
    "Schmidt",
    "Tanaka",
    "Ullman",
    "Varga",
    "Weber",
    "Young",
];
const MAIL_HOSTS: [&str; 4] = ["mail.example", "post.example.org", "example.net", "inbox.example.com"];
const USER_AGENT: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";

/// Where comments come from.
#[derive(Debug)]
pub(super) struct Corpus {
    sentences: Vec<String>,
}

impl Corpus {
    /// Puts the sentences together.
    pub(super) fn new() -> Self {
        let mut random = Random::new(SEED);
        let mut sentences = Vec::with_capacity(SENTENCES);
        while sentences.len() < SENTENCES {
            let sentence = sentence(&mut random);
            if sentence.len() <= SENTENCE_BYTES {
                sentences.push(sentence);
            }
        }
        Self { sentences }
    }

    /// The comment with this number.
    pub(super) fn draft(&self, number: u64) -> pb::CommentDraft {
        let mut random = Random::new(SEED ^ number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let body = self.body(&mut random);
        let author = random.below(AUTHORS);
        pb::CommentDraft {
            thread: format!("bench-{}", number % THREADS),
            author: Some(author_of(author)),
            body,
            client: Some(client_of(author)),
            ..pb::CommentDraft::default()
        }
    }

    /// 300 to 1,000 bytes.
    fn body(&self, random: &mut Random) -> String {
        let length = 300 + random.below(590) as usize;
        let kind = random.below(100);
        let mut body = String::with_capacity(1000);
        let mut special_at = Some(random.below(3)).filter(|_| kind < 12);
        while body.len() < length {
            if !body.is_empty() {
                body.push_str(if random.below(8) == 0 { "\n\n" } else { " " });
            }
            match special_at {
                Some(0) => {
                    self.put_special(kind, random, &mut body);
                    special_at = None;
                }
                Some(later) => {
                    special_at = Some(later - 1);
                    body.push_str(random.pick(&self.sentences));
                }
                None => body.push_str(random.pick(&self.sentences)),
            }
        }
        body
    }

    /// What 12 comments in 100 have in them besides talk.
    fn put_special(&self, kind: u64, random: &mut Random, body: &mut String) {
        match kind {
            0..5 => {
                body.push_str("More about it at https://notes.example/");
                body.push_str(&random.below(1000).to_string());
                body.push('.');
            }
            5..7 => body.push_str(&random.pick(&self.sentences).to_uppercase()),
            7..10 => body.push_str(random.pick(&ADVERTISING)),
            10 => body.push_str(random.pick(&INSULTS)),
            _ => {
                body.push_str("Click here http://bit.ly/");
                body.push_str(&random.below(100_000).to_string());
                body.push_str(" or http://best-prices.example/shop now!");
            }
        }
    }
}

fn sentence(random: &mut Random) -> String {
    let mut text = String::new();
    text.push_str(random.pick(&OPENINGS));
    text.push_str(random.pick(&SUBJECTS));
    text.push(' ');
    text.push_str(random.pick(&VERBS));
    text.push(' ');
    text.push_str(random.pick(&OBJECTS));
    text.push_str(random.pick(&ENDINGS));
    let first = text.chars().next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    // Every opening and subject begins with an ASCII letter.
    text.replace_range(..1, &first);
    text
}

/// An author is always the same person: name, address and network belong together.
fn author_of(author: u64) -> pb::Author {
    let first = FIRST_NAMES[(author % FIRST_NAMES.len() as u64) as usize];
    let last = LAST_NAMES[(author / FIRST_NAMES.len() as u64 % LAST_NAMES.len() as u64) as usize];
    let host = MAIL_HOSTS[(author % MAIL_HOSTS.len() as u64) as usize];
    let signed_in = author.is_multiple_of(5);
    pb::Author {
        display_name: format!("{first} {last}"),
        user_id: if signed_in { format!("user-{author}") } else { String::new() },
        email: format!("{}.{author}@{host}", last.to_ascii_lowercase()),
        url: String::new(),
        ..pb::Author::default()
    }
}

/// Addresses that are reserved for benchmarks (RFC 2544) and documentation (RFC 3849).
fn client_of(author: u64) -> pb::Client {
    let ip = if author.is_multiple_of(4) {
        format!("2001:db8:{:x}::{:x}", author >> 4, author & 15)
    } else {
        format!("198.{}.{}.{}", 18 + (author >> 16 & 1), author >> 8 & 255, author & 255)
    };
    pb::Client { ip, user_agent: USER_AGENT.to_owned(), referrer: String::new() }
}

/// `SplitMix64`: a few instructions, and good enough to shuffle sentences.
struct Random(u64);

impl Random {
    const fn new(seed: u64) -> Self {
        Self(seed)
    }

    const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        scatter(self.0)
    }

    const fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn pick<'a>(&mut self, items: &'a [impl AsRef<str>]) -> &'a str {
        items[self.below(items.len() as u64) as usize].as_ref()
    }
}

/// Neighbouring numbers end up far apart.
pub(super) const fn scatter(number: u64) -> u64 {
    let mixed = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn bodies_have_300_to_1000_bytes_and_differ() {
        let corpus = Corpus::new();
        let bodies: Vec<String> = (0..5_000).map(|number| corpus.draft(number).body).collect();
        assert!(bodies.iter().all(|body| (300..=1000).contains(&body.len())));
        assert_eq!(bodies.iter().collect::<HashSet<_>>().len(), bodies.len());
        let linked = bodies.iter().filter(|body| body.contains("http")).count();
        assert!((100..600).contains(&linked), "{linked} of 5,000 hold a link");
    }

    #[test]
    fn a_number_always_gives_the_same_comment() {
        assert_eq!(Corpus::new().draft(7), Corpus::new().draft(7));
        assert_ne!(Corpus::new().draft(7), Corpus::new().draft(8));
    }
}
